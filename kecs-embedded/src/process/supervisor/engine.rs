//! Runs the task: does what [`TaskRun`] says, tells it what happens, and publishes what is.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kecs_core::task_run::{Action, Input, TaskRun};
use kecs_core::{Clock, ContainerState, LogSource, SystemClock, TaskPhase};
use rustix::process::{Pid, Signal, WaitOptions};
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::control::{Control, States, Watching};
use super::ends::{end_descendants, exit_code};
use super::session::{self, Refusal, Session};
use super::{process, rules};
use crate::process::folder::{SOCKET, TaskFolder};
use crate::process::frames;
use crate::process::host;
use crate::process::order::{ContainerOrder, ProgramOrder, SessionOrder, TaskOrder};
use crate::process::output::{Hold, LogWriter};
use crate::process::record::{ContainerRecord, ProcessRecord, TaskRecord};

/// How long the end of a container waits for the rest of its process group, which was killed: longer only for one that its own
/// parent, outside of the group, does not reap.
const GROUP_END: Duration = Duration::from_secs(1);

/// The terminal that a command is told of if its container is told of none: what AWS's agent sets.
const TERM: &str = "xterm-256color";

/// What comes from outside the engine's own thread of thought.
#[derive(Debug)]
pub(super) enum Event {
    /// A container's process became its program, or could not.
    Started { container: usize, pid: Pid, result: Result<(), String> },
    /// All output of a container's ended process is written.
    Drained { container: usize, pid: Pid },
    /// A server wants the task to end.
    Stop,
    /// A server wants to watch.
    Watch(oneshot::Sender<Watching>),
    /// A server wants to know when a container's log grows.
    Follow { container: String, blocking: bool, answer: oneshot::Sender<Following> },
    /// The server that brought the task is gone, or follows it over another connection.
    FirstServerLeft,
    /// A server wants to run a command in a container.
    Exec { order: SessionOrder, answer: oneshot::Sender<Result<Session, Refusal>> },
}

/// A container's log for a server that reads it.
#[derive(Debug)]
pub(super) struct Following {
    /// Changes when the log grew.
    pub(super) growth: watch::Receiver<u64>,
    /// What makes the container wait for this server, where it shall.
    pub(super) hold: Option<Hold>,
}

/// Runs the task to its end.
pub(super) async fn run(order: TaskOrder, listener: UnixListener, server: BufReader<UnixStream>) -> io::Result<()> {
    let mut children = signal(SignalKind::child())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (events, mut incoming) = mpsc::unbounded_channel();
    let mut control = Control::new(events.clone());
    let mut engine = Engine::new(order, events)?;
    engine.publish()?;
    // The server takes the first state as the promise that the task is in good hands.
    control.first(server, engine.states.watch());

    engine.begin();
    loop {
        if let Err(error) = engine.publish() {
            // A full disk does not end a task: those who watch know the truth, and the next change tries again.
            super::complain("the state cannot be written", &error);
        }
        if engine.run.phase() == TaskPhase::Stopped {
            break;
        }
        let deadline = engine.deadline();
        tokio::select! {
            _ = children.recv() => engine.reap(),
            Some(event) = incoming.recv() => engine.take(event),
            // Whoever ends a supervisor kindly means its task.
            _ = terminate.recv() => engine.input(Input::StopRequested),
            () = sleep_until(deadline) => engine.tick(),
            () = control.accept(&listener) => {}
        }
    }
    if let Err(error) = std::fs::remove_file(SOCKET) {
        super::complain("the socket cannot be removed", &error);
    }
    drop(engine);
    drop(incoming);
    control.finish().await;
    Ok(())
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[derive(Debug)]
struct Engine {
    order: TaskOrder,
    run: TaskRun,
    origin: Instant,
    folder: TaskFolder,
    containers: Vec<Container>,
    states: States,
    published: Option<TaskRecord>,
    supervisor: ProcessRecord,
    started_at: Option<i64>,
    stopped_at: Option<i64>,
    events: mpsc::UnboundedSender<Event>,
    sessions: Vec<Running>,
}

/// A command that runs in a container for a server.
#[derive(Debug)]
struct Running {
    container: usize,
    pid: Pid,
    ended: oneshot::Sender<Option<i32>>,
}

/// What there is of a container.
#[derive(Debug)]
struct Container {
    process: Option<Process>,
    /// The process, or the last one that it had.
    record: Option<ProcessRecord>,
    check: Option<Check>,
    /// Gone when nothing more can come.
    log: Option<Arc<Mutex<LogWriter>>>,
    /// What makes it wait with its output for the reader that the server which brought the task is about to send.
    first_hold: Option<Hold>,
}

impl Container {
    fn follow(&mut self, blocking: bool) -> Option<Following> {
        let log = self.log.as_ref()?.lock().expect("nobody panics while holding it");
        let hold = blocking.then(|| log.holds().hold());
        if blocking {
            self.first_hold = None;
        }
        Some(Following { growth: log.subscribe(), hold })
    }
}

#[derive(Debug)]
struct Process {
    pid: Pid,
    /// Whether it became its program.
    has_started: bool,
    code: Option<i32>,
    /// Until when the rest of its group is waited for, once it has ended itself.
    group_end: Option<Instant>,
    ended: watch::Sender<bool>,
    output: Vec<JoinHandle<io::Result<()>>>,
}

/// A health check that runs.
#[derive(Debug)]
struct Check {
    pid: Pid,
    deadline: Instant,
}

impl Engine {
    fn new(order: TaskOrder, events: mpsc::UnboundedSender<Event>) -> io::Result<Self> {
        let folder = TaskFolder::here();
        let containers = order.containers.iter().map(|container| {
            let log = LogWriter::open(folder.logs(&container.name), order.log_file_size)?;
            let first_hold = container.blocking_output.then(|| log.holds().hold());
            Ok(Container { process: None, record: None, check: None, log: Some(Arc::new(Mutex::new(log))), first_hold })
        });
        Ok(Self {
            containers: containers.collect::<io::Result<_>>()?,
            run: rules::task_run(&order),
            origin: Instant::now(),
            folder,
            states: States::new(),
            published: None,
            supervisor: host::identify(rustix::process::getpid()),
            started_at: None,
            stopped_at: None,
            order,
            events,
            sessions: Vec::new(),
        })
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn begin(&mut self) {
        let actions = self.run.begin(self.now());
        self.act_all(actions);
    }

    fn input(&mut self, input: Input) {
        let actions = self.run.handle(self.now(), input);
        self.act_all(actions);
    }

    fn act_all(&mut self, actions: Vec<Action>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            if let Some(input) = self.act(action) {
                actions.extend(self.run.handle(self.now(), input));
            }
        }
    }

    /// Does one thing; what is known of its result at once is returned.
    fn act(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Start { container } => self
                .start(container)
                .err()
                .map(|error| Input::ContainerStartFailed { container, reason: cannot_start(&error.to_string()) }),
            Action::Terminate { container } => self.signal(container, Signal::TERM),
            Action::Kill { container } => self.signal(container, Signal::KILL),
            Action::CheckHealth { container } => {
                self.check(container).err().map(|_| Input::HealthChecked { container, passed: false })
            }
        }
    }

    fn start(&mut self, index: usize) -> io::Result<()> {
        let container = &mut self.containers[index];
        let started = process::start(&self.order.exec_arguments, true)?;
        let pid = started.pid;
        container.record = Some(host::identify(pid));
        let ended = watch::Sender::new(false);
        let pipes = [(started.stdout, LogSource::Stdout), (started.stderr, LogSource::Stderr)];
        let output = pipes.into_iter().filter_map(|(pipe, source)| {
            let log = container.log.clone()?;
            Some(tokio::spawn(process::follow(pipe?, source, log, ended.subscribe())))
        });
        container.process = Some(Process { pid, has_started: false, code: None, group_end: None, output: output.collect(), ended });
        let program = self.order.containers[index].program.clone();
        let events = self.events.clone();
        tokio::spawn(async move {
            let result = started.stage.become_program(program).await;
            let _ = events.send(Event::Started { container: index, pid, result });
        });
        Ok(())
    }

    fn signal(&mut self, index: usize, signal: Signal) -> Option<Input> {
        // One that has not become its program yet is told again when it has.
        let process = self.containers[index].process.as_ref().filter(|process| process.has_started || signal == Signal::KILL)?;
        host::signal_group(process.pid, signal);
        None
    }

    fn check(&mut self, index: usize) -> io::Result<()> {
        let ContainerOrder { health_check: Some(check), program, .. } = &self.order.containers[index] else { return Ok(()) };
        let program = ProgramOrder { arguments: check.arguments.clone(), ..program.clone() };
        let started = process::start(&self.order.exec_arguments, false)?;
        self.containers[index].check = Some(Check { pid: started.pid, deadline: Instant::now() + check.timeout });
        // Whether it became the program shows in its exit code.
        tokio::spawn(started.stage.become_program(program));
        Ok(())
    }

    /// Starts a command in a container that runs.
    fn exec(&mut self, SessionOrder { container, arguments, terminal }: SessionOrder) -> Result<Session, Refusal> {
        let Some(index) = self.order.containers.iter().position(|order| order.name == container) else {
            return Err((frames::UNKNOWN, format!("the task has no container {container}")));
        };
        let runs = |process: &Process| process.has_started && process.group_end.is_none();
        if !self.containers[index].process.as_ref().is_some_and(runs) {
            return Err((frames::NOT_RUNNING, format!("container {container} does not run")));
        }
        let mut program = ProgramOrder { arguments, ..self.order.containers[index].program.clone() };
        if terminal.is_some() && !program.environment.iter().any(|(name, _)| name == "TERM") {
            program.environment.push(("TERM".to_owned(), TERM.to_owned()));
        }
        let (session, ended) = session::start(&self.order.exec_arguments, program, terminal)
            .map_err(|error| (frames::FAILED, format!("the command cannot be started: {error}")))?;
        self.sessions.push(Running { container: index, pid: session.pid(), ended });
        Ok(session)
    }

    /// Ends the commands that run in a container that has ended.
    fn end_sessions(&mut self, container: usize) {
        for session in self.sessions.iter().filter(|session| session.container == container) {
            // One that has just been started may not lead a group yet.
            let _ = rustix::process::kill_process(session.pid, Signal::KILL);
            host::signal_group(session.pid, Signal::KILL);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started { container, pid, result } => self.started(container, pid, result),
            Event::Drained { container, pid } => {
                if let Some(process) = self.containers[container].process.take_if(|process| process.pid == pid) {
                    self.input(Input::ContainerExited { container, code: process.code, reason: None });
                }
            }
            Event::Stop => self.input(Input::StopRequested),
            Event::Watch(answer) => drop(answer.send(self.states.watch())),
            Event::Follow { container, blocking, answer } => {
                let index = self.order.containers.iter().position(|order| order.name == container);
                if let Some(following) = index.and_then(|index| self.containers[index].follow(blocking)) {
                    let _ = answer.send(following);
                }
            }
            Event::FirstServerLeft => self.containers.iter_mut().for_each(|container| container.first_hold = None),
            Event::Exec { order, answer } => drop(answer.send(self.exec(order))),
        }
    }

    fn started(&mut self, index: usize, pid: Pid, result: Result<(), String>) {
        let Some(process) = self.containers[index].process.as_mut().filter(|process| process.pid == pid) else { return };
        match result {
            Ok(()) => {
                process.has_started = true;
                self.input(Input::ContainerStarted { container: index });
                self.settle(index);
            }
            Err(reason) => {
                host::signal_group(pid, Signal::KILL);
                self.containers[index].process = None;
                self.containers[index].record = None;
                self.input(Input::ContainerStartFailed { container: index, reason: cannot_start(&reason) });
            }
        }
    }

    /// Asks for every child that has ended, orphans of the containers among them.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            self.reaped(pid, exit_code(status));
        }
        for index in 0..self.containers.len() {
            self.settle(index);
        }
    }

    fn reaped(&mut self, pid: Pid, code: Option<i32>) {
        if let Some(nth) = self.sessions.iter().position(|session| session.pid == pid) {
            host::signal_group(pid, Signal::KILL);
            // Its server may be gone.
            let _ = self.sessions.swap_remove(nth).ended.send(code);
            return;
        }
        for index in 0..self.containers.len() {
            let container = &mut self.containers[index];
            if let Some(process) = container.process.as_mut().filter(|process| process.pid == pid) {
                process.code = code;
                process.group_end = Some(Instant::now() + GROUP_END);
                host::signal_group(pid, Signal::KILL);
                self.end_sessions(index);
                return;
            }
            if container.check.take_if(|check| check.pid == pid).is_some() {
                host::signal_group(pid, Signal::KILL);
                self.input(Input::HealthChecked { container: index, passed: code == Some(0) });
                return;
            }
        }
    }

    /// Ends a container whose process has ended, once nothing is left of its group and its output is written.
    fn settle(&mut self, index: usize) {
        let container = &mut self.containers[index];
        let Some(process) = container.process.as_mut().filter(|process| process.has_started) else { return };
        let Some(group_end) = process.group_end else { return };
        if process.output.is_empty() || (host::group_is_alive(process.pid) && Instant::now() < group_end) {
            return;
        }
        if let Some(check) = container.check.take() {
            host::signal_group(check.pid, Signal::KILL);
        }
        let _ = process.ended.send(true);
        let (events, pid, output) = (self.events.clone(), process.pid, std::mem::take(&mut process.output));
        tokio::spawn(async move {
            for pipe in output {
                // Output that could not be written (a full disk) is lost; the container's end is not.
                let _ = pipe.await;
            }
            let _ = events.send(Event::Drained { container: index, pid });
        });
    }

    /// The next moment at which something is due by itself.
    fn deadline(&self) -> Option<Instant> {
        let rules = self.run.next_deadline().map(|due| self.origin + due);
        let checks = self.containers.iter().filter_map(|container| Some(container.check.as_ref()?.deadline));
        let groups = self
            .containers
            .iter()
            .filter_map(|container| container.process.as_ref())
            .filter_map(|process| process.group_end.filter(|_| process.has_started && !process.output.is_empty()));
        rules.into_iter().chain(checks).chain(groups).min()
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for index in 0..self.containers.len() {
            if let Some(check) = self.containers[index].check.take_if(|check| check.deadline <= now) {
                host::signal_group(check.pid, Signal::KILL);
                self.input(Input::HealthChecked { container: index, passed: false });
            }
            self.settle(index);
        }
        self.input(Input::Tick);
    }

    /// Writes the state and tells it to those who watch, if it changed.
    fn publish(&mut self) -> io::Result<()> {
        let phase = self.run.phase();
        for (index, container) in self.containers.iter_mut().enumerate() {
            if matches!(self.run.container(index).state, ContainerState::Exited { .. }) {
                container.log = None;
            }
        }
        let now = SystemClock.now().as_millis();
        if phase >= TaskPhase::Running && self.started_at.is_none() && self.all_have_started() {
            self.started_at = Some(now);
        }
        if phase == TaskPhase::Stopped && self.stopped_at.is_none() {
            end_descendants();
            self.stopped_at = Some(now);
        }
        let record = self.record();
        if self.published.as_ref() == Some(&record) {
            return Ok(());
        }
        let mut line = serde_json::to_vec(&record)?;
        let written = self.folder.write_state(&line);
        line.push(b'\n');
        self.states.publish(line);
        self.published = Some(record);
        written
    }

    fn all_have_started(&self) -> bool {
        self.run.phase() == TaskPhase::Running || self.containers.iter().all(|container| container.record.is_some())
    }

    fn record(&self) -> TaskRecord {
        let containers = self.order.containers.iter().enumerate().map(|(index, order)| {
            let view = self.run.container(index);
            ContainerRecord {
                name: order.name.clone(),
                state: view.state.clone(),
                health: view.health,
                process: self.containers[index].record.clone(),
                restarts: view.restarts,
                bindings: order.bindings.clone(),
            }
        });
        TaskRecord {
            task: self.order.task.clone(),
            phase: self.run.phase(),
            cause: self.run.cause().cloned(),
            supervisor: Some(self.supervisor.clone()),
            containers: containers.collect(),
            addresses: self.order.addresses.clone(),
            started_at: self.started_at,
            stopped_at: self.stopped_at,
        }
    }
}

impl Drop for Engine {
    /// However the supervisor ends, by a panic too: nothing of the task may go on without it.
    fn drop(&mut self) {
        end_descendants();
    }
}

fn cannot_start(reason: &str) -> String {
    format!("CannotStartContainerError: {reason}")
}
