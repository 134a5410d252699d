//! One pretended task.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use kecs_model::Timestamp;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::driver::{Due, Now, Timers};
use super::events::Message;
use super::log::ContainerLog;
use super::pool::{self, Pool};
use super::script::ContainerScript;
use crate::task_run::{Action, Input, TaskRun};
use crate::task_spec::{NetworkMode, PortMapping};
use crate::{ContainerObservation, ContainerState, Health, NetworkBinding, StopCause, TaskObservation, TaskPhase, TaskSpec};

/// 128 + SIGTERM: what a process ends with that does not handle it.
const TERMINATED: i32 = 143;
/// 128 + SIGKILL.
const KILLED: i32 = 137;

/// What a task needs of the world for one step.
pub(super) struct Host<'a> {
    pub(super) ports: &'a mut Pool,
    pub(super) addresses: &'a mut Pool,
    pub(super) timers: &'a mut Timers,
    pub(super) watches: Option<&'a broadcast::Sender<Message>>,
    pub(super) now: Now,
}

#[derive(Debug)]
pub(super) struct Task {
    run: TaskRun,
    containers: Vec<Container>,
    network_mode: NetworkMode,
    address: Option<u16>,
    /// The deadline for which a timer is set.
    armed: Option<std::time::Duration>,
    started_at: Option<Timestamp>,
    stopped_at: Option<Timestamp>,
    lost: Option<&'static str>,
    /// As it was last told to watches.
    seen: Arc<TaskObservation>,
}

#[derive(Debug)]
struct Container {
    name: String,
    script: ContainerScript,
    ports: Vec<PortMapping>,
    /// Counts starts and ends, so that timers of an earlier life are known.
    life: u32,
    runs: bool,
    /// Cancelled when it ends.
    ended: CancellationToken,
    /// How many health checks there were in this run.
    checks: usize,
    forced_health: Option<bool>,
    bindings: Vec<NetworkBinding>,
    /// Dynamic host ports.
    lent: Vec<u16>,
    log: ContainerLog,
}

impl Task {
    pub(super) fn begin(spec: &TaskSpec, scripts: Vec<ContainerScript>, host: &mut Host<'_>) -> Self {
        let containers = spec.containers.iter().zip(scripts).map(|(container, script)| Container {
            name: container.name.clone(),
            script,
            ports: container.ports.clone(),
            life: 0,
            runs: false,
            ended: CancellationToken::new(),
            checks: 0,
            forced_health: None,
            bindings: Vec::new(),
            lent: Vec::new(),
            log: ContainerLog::default(),
        });
        let seen = TaskObservation::new(spec.task.clone(), TaskPhase::Starting);
        let mut task = Self {
            run: TaskRun::new(spec),
            containers: containers.collect(),
            network_mode: spec.network_mode,
            address: None,
            armed: None,
            started_at: None,
            stopped_at: None,
            lost: None,
            seen: Arc::new(seen),
        };
        task.attach_network(host);
        let actions = task.run.begin(host.now.time);
        task.publish(host);
        let inputs = task.perform_all(actions, host);
        task.take_all(inputs, host);
        task
    }

    pub(super) fn observation(&self) -> TaskObservation {
        (*self.seen).clone()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.seen.phase == TaskPhase::Stopped
    }

    pub(super) fn index_of(&self, container: &str) -> Option<usize> {
        self.containers.iter().position(|known| known.name == container)
    }

    pub(super) fn log(&mut self, container: usize) -> &mut ContainerLog {
        &mut self.containers[container].log
    }

    pub(super) fn take(&mut self, input: Input, host: &mut Host<'_>) {
        self.take_all(VecDeque::from([input]), host);
    }

    pub(super) fn fire(&mut self, due: Due, host: &mut Host<'_>) {
        let inputs = match due {
            Due::Tick => {
                self.armed = None;
                VecDeque::from([Input::Tick])
            }
            Due::Started { container, life } if self.containers[container].life == life => {
                self.launch(container, host).into_iter().collect()
            }
            Due::Exit { container, life, code } if self.containers[container].life == life => {
                VecDeque::from([self.containers[container].end(container, Some(code))])
            }
            Due::Started { .. } | Due::Exit { .. } => return,
        };
        self.take_all(inputs, host);
    }

    /// What is cancelled when the container ends; `None` for one that does not run.
    pub(super) fn life_of(&self, container: usize) -> Option<CancellationToken> {
        let container = &self.containers[container];
        container.runs.then(|| container.ended.clone())
    }

    /// Whether the container ran.
    pub(super) fn exit(&mut self, container: usize, code: i32, host: &mut Host<'_>) -> bool {
        if !self.containers[container].runs || self.lost.is_some() {
            return false;
        }
        let ended = self.containers[container].end(container, Some(code));
        self.take(ended, host);
        true
    }

    pub(super) fn set_health(&mut self, container: usize, health: Health, host: &mut Host<'_>) {
        self.containers[container].forced_health = match health {
            Health::Healthy => Some(true),
            Health::Unhealthy => Some(false),
            Health::Unknown => None,
        };
        let actions = self.run.set_health(host.now.time, container, health);
        self.publish(host);
        let inputs = self.perform_all(actions, host);
        self.take_all(inputs, host);
    }

    /// Whether the task had not ended.
    pub(super) fn lose(&mut self, reason: &'static str, host: &mut Host<'_>) -> bool {
        if self.has_ended() {
            return false;
        }
        self.lost = Some(reason);
        for container in &mut self.containers {
            container.life += 1;
            container.runs = false;
            container.ended.cancel();
        }
        self.publish(host);
        self.settle(host);
        true
    }

    /// Gives back what was lent. A task that has ended has given it back already.
    pub(super) fn release(mut self, ports: &mut Pool, addresses: &mut Pool) {
        self.give_back(ports, addresses);
    }

    fn take_all(&mut self, mut inputs: VecDeque<Input>, host: &mut Host<'_>) {
        while let Some(input) = inputs.pop_front().filter(|_| self.lost.is_none()) {
            let actions = self.run.handle(host.now.time, input);
            self.publish(host);
            inputs.extend(self.perform_all(actions, host));
        }
        self.settle(host);
    }

    fn perform_all(&mut self, actions: Vec<Action>, host: &mut Host<'_>) -> VecDeque<Input> {
        actions.into_iter().filter_map(|action| self.perform(action, host)).collect()
    }

    /// Does what the rules ask for, and says what came of it where that is known at once.
    fn perform(&mut self, action: Action, host: &mut Host<'_>) -> Option<Input> {
        match action {
            Action::Start { container: index } => {
                let container = &mut self.containers[index];
                container.life += 1;
                if container.script.start_delay.is_zero() {
                    return self.launch(index, host);
                }
                let due = Due::Started { container: index, life: container.life };
                host.timers.push(host.now.time.saturating_add(container.script.start_delay), &self.seen.task, due);
                None
            }
            Action::Terminate { container: index } => {
                let container = &mut self.containers[index];
                if !container.runs {
                    return Some(container.end(index, None));
                }
                (!container.script.ignores_sigterm).then(|| container.end(index, Some(TERMINATED)))
            }
            Action::Kill { container } => Some(self.containers[container].end(container, Some(KILLED))),
            Action::CheckHealth { container } => {
                Some(Input::HealthChecked { container, passed: self.containers[container].next_check() })
            }
        }
    }

    fn launch(&mut self, index: usize, host: &mut Host<'_>) -> Option<Input> {
        let container = &mut self.containers[index];
        let failed = |reason| Some(Input::ContainerStartFailed { container: index, reason });
        if let Some(reason) = &container.script.start_failure {
            return failed(reason.clone());
        }
        if container.bind(self.network_mode, host.ports).is_none() {
            return failed("CannotStartContainerError: no dynamic host port is free".to_owned());
        }
        container.runs = true;
        container.ended = CancellationToken::new();
        container.checks = 0;
        for line in &container.script.log {
            container.log.print(host.now.stamp, Bytes::from(line.clone()));
        }
        if let Some((after, code)) = container.script.exit {
            let due = Due::Exit { container: index, life: container.life, code };
            host.timers.push(host.now.time.saturating_add(after), &self.seen.task, due);
        }
        Some(Input::ContainerStarted { container: index })
    }

    fn attach_network(&mut self, host: &mut Host<'_>) {
        if self.network_mode != NetworkMode::AwsVpc {
            return;
        }
        self.address = host.addresses.take();
        if self.address.is_none() {
            let reason = "ResourceInitializationError: no address is free in 10.0.0.0/16".to_owned();
            self.run.handle(host.now.time, Input::FailTask { reason });
        }
    }

    /// Tells watches, if something changed that they can see.
    fn publish(&mut self, host: &Host<'_>) {
        let phase = if self.lost.is_some() { TaskPhase::Stopped } else { self.run.phase() };
        if phase == TaskPhase::Running {
            self.started_at.get_or_insert(host.now.stamp);
        }
        if phase == TaskPhase::Stopped {
            self.stopped_at.get_or_insert(host.now.stamp);
        }
        let now = self.observe(phase);
        if now == *self.seen {
            return;
        }
        self.seen = Arc::new(now);
        if let Some(watches) = host.watches {
            // It fails where nobody watches.
            drop(watches.send(Message::Observed(Arc::clone(&self.seen))));
        }
    }

    fn observe(&self, phase: TaskPhase) -> TaskObservation {
        TaskObservation {
            task: self.seen.task.clone(),
            phase,
            cause: match self.lost {
                Some(reason) => Some(StopCause::Lost { reason: reason.to_owned() }),
                None => self.run.cause().cloned(),
            },
            containers: (0..self.containers.len()).map(|index| self.observe_container(index)).collect(),
            addresses: match self.network_mode {
                // Reached where its ports would be bound.
                NetworkMode::Bridge => vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
                _ => self.address.map(pool::address).into_iter().collect(),
            },
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: self.started_at,
            stopped_at: self.stopped_at,
        }
    }

    fn observe_container(&self, index: usize) -> ContainerObservation {
        let (container, view) = (&self.containers[index], self.run.container(index));
        let state = match view.state {
            ContainerState::Exited { .. } => view.state.clone(),
            _ if self.lost.is_some() => ContainerState::Exited { code: None, reason: None },
            state => state.clone(),
        };
        ContainerObservation {
            name: container.name.clone(),
            runtime_id: (state != ContainerState::Pending).then(|| format!("{}-{index}", self.seen.task.id)),
            state,
            health: view.health,
            image_digest: None,
            network_bindings: container.bindings.clone(),
            restarts: view.restarts,
        }
    }

    /// What is left to do once nothing more happens now.
    fn settle(&mut self, host: &mut Host<'_>) {
        for (container, seen) in self.containers.iter_mut().zip(&self.seen.containers) {
            if matches!(seen.state, ContainerState::Exited { .. }) {
                container.log.end();
            }
        }
        if self.has_ended() {
            self.give_back(host.ports, host.addresses);
            return;
        }
        let next = self.run.next_deadline();
        if let Some(at) = next.filter(|&at| self.armed.is_none_or(|armed| at < armed)) {
            self.armed = next;
            host.timers.push(at, &self.seen.task, Due::Tick);
        }
    }

    fn give_back(&mut self, ports: &mut Pool, addresses: &mut Pool) {
        self.address.take().into_iter().for_each(|number| addresses.give_back(number));
        self.containers.iter_mut().flat_map(|container| container.lent.drain(..)).for_each(|port| ports.give_back(port));
    }
}

impl Container {
    fn end(&mut self, index: usize, code: Option<i32>) -> Input {
        self.life += 1;
        self.runs = false;
        self.ended.cancel();
        Input::ContainerExited { container: index, code, reason: None }
    }

    fn next_check(&mut self) -> bool {
        let scripted = self.script.health.get(self.checks).or(self.script.health.last()).copied().unwrap_or(true);
        self.checks += 1;
        self.forced_health.unwrap_or(scripted)
    }

    /// Binds its ports, unless an earlier run did. `None` if that cannot be done.
    fn bind(&mut self, mode: NetworkMode, ports: &mut Pool) -> Option<()> {
        if !self.bindings.is_empty() || !matches!(mode, NetworkMode::Bridge | NetworkMode::Host) {
            return Some(());
        }
        for mapping in &self.ports {
            for (offset, port) in
                (mapping.container_port..=mapping.container_port_end.unwrap_or(mapping.container_port)).enumerate()
            {
                let fixed = mapping.host_port.map(|host| host.saturating_add(u16::try_from(offset).unwrap_or(u16::MAX)));
                let host_port = match (mode, fixed) {
                    (NetworkMode::Host, fixed) => fixed.unwrap_or(port),
                    (_, Some(fixed)) => fixed,
                    (_, None) => {
                        let dynamic = ports.take()?;
                        self.lent.push(dynamic);
                        dynamic
                    }
                };
                self.bindings.push(NetworkBinding {
                    bind_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                    container_port: port,
                    host_port,
                    protocol: mapping.protocol,
                });
            }
        }
        Some(())
    }
}
