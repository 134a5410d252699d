//! The command line: flags made from the table of settings, and errors in one line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use crate::events;
use crate::failure::{Exit, Failure};
use crate::localstack;
use crate::logs::Wanted;
use crate::settings::{Kind, Layer, OnExit, Raw, SETTINGS, Setting};
use crate::sidecar;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// `kecs start`, with what its flags say and the configuration file they name.
    Start { flags: Layer, config: Option<PathBuf> },
    /// `kecs status`.
    Status { flags: Layer, config: Option<PathBuf>, json: bool },
    /// `kecs stop`, and what to do to the tasks if the running kecs was told otherwise.
    Stop { flags: Layer, config: Option<PathBuf>, tasks: Option<OnExit> },
    /// `kecs sidecar`.
    Sidecar(sidecar::Options),
    /// `kecs logs`.
    Logs { flags: Layer, config: Option<PathBuf>, wanted: Wanted },
    /// `kecs events`.
    Events { flags: Layer, config: Option<PathBuf>, wish: events::Wish },
    /// `kecs localstack …`
    LocalStack { flags: Layer, config: Option<PathBuf>, cluster: Option<String>, ask: localstack::Ask },
    /// `kecs kubernetes delete`
    DeleteKubernetes { flags: Layer, config: Option<PathBuf> },
    /// `kecs create-cluster`
    CreateCluster { flags: Layer, config: Option<PathBuf>, name: String, services: Vec<String>, json: bool },
    /// `kecs version`.
    Version { json: bool },
    /// `kecs completions`.
    Completions(Shell),
}

/// The whole command, for parsing, help and completions.
pub(crate) fn command() -> Command {
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("print one JSON object");
    let data_dir = || SETTINGS.iter().filter(|setting| setting.name == "data-dir").map(flag);
    let tasks = Arg::new("tasks").long("tasks").value_name("leave|stop").value_parser(["leave", "stop"]);
    let shell = Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell));
    Command::new("kecs")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A local and self-hosted Amazon ECS")
        .after_help("Settings are also read from KECS_… variables and a configuration file: see docs/configuration.md.")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(
            Command::new("start")
                .about("Answer the ECS API here until Ctrl-C")
                .args(SETTINGS.iter().filter(|setting| !setting.secret).map(flag))
                .arg(config_flag()),
        )
        .subcommand(
            Command::new("status")
                .about("Tell whether a kecs runs on the data folder")
                .args(data_dir())
                .args([config_flag(), json.clone()]),
        )
        .subcommand(
            Command::new("stop")
                .about("End the kecs that runs on the data folder")
                .args(data_dir())
                .args([config_flag(), tasks.help("what becomes of running tasks; default: as its on-exit says")]),
        )
        .subcommand(sidecar_command("sidecar"))
        .subcommand(
            Command::new("logs")
                .about("Print what the containers of a task wrote")
                .args(logs_arguments())
                .args(data_dir())
                .args([config_flag(), json.clone().help("print each line as a JSON object")]),
        )
        .subcommand(events_command(json.clone()).args(data_dir()).arg(config_flag()))
        .subcommand(localstack_command(&json).mut_subcommands(|command| command.args(data_dir()).arg(config_flag())))
        .subcommand(kubernetes_command().mut_subcommands(|command| command.args(data_dir()).arg(config_flag())))
        .subcommand(
            Command::new("create-cluster")
                .about("Create an ECS cluster in the kecs that runs on the data folder")
                .arg(Arg::new("name").long("name").value_name("NAME").default_value("default").help("the cluster's name"))
                .arg(services("localstack-services").help("give it a LocalStack of its own that serves these"))
                .args(data_dir())
                .args([config_flag(), json.clone()]),
        )
        .subcommand(Command::new("version").about("Print the version").arg(json))
        .subcommand(Command::new("completions").about("Print the completion script of a shell").arg(shell))
}

/// The settings that a sidecar has too.
const SIDECAR_SETTINGS: [&str; 3] = ["allowed-hosts", "allowed-origins", "log"];

/// `kecs sidecar`, which is also a program of its own.
fn sidecar_command(name: &'static str) -> Command {
    Command::new(name)
        .about("Answer the AWS API for one task, by passing it on to KECS and LocalStack")
        .args(sidecar_flags())
        .args(SETTINGS.iter().filter(|setting| SIDECAR_SETTINGS.contains(&setting.name)).map(flag))
}

fn sidecar_flags() -> [Arg; 4] {
    let url = |name| Arg::new(name).long(name).value_name("URL").value_hint(ValueHint::Url);
    [
        Arg::new("listen")
            .long("listen")
            .value_name("ADDRESS")
            .value_parser(value_parser!(SocketAddr))
            .help("where to answer, on loopback [default: 127.0.0.1:4566]"),
        url("kecs-endpoint").help("where KECS answers [KECS_ENDPOINT]"),
        url("localstack-endpoint").help("where the other services are [LOCALSTACK_ENDPOINT] [default: KECS passes them on]"),
        Arg::new("ready")
            .long("ready")
            .action(ArgAction::SetTrue)
            .help("only tell, by the exit code, whether a sidecar answers there"),
    ]
}

fn logs_arguments() -> [Arg; 5] {
    let container = Arg::new("container").long("container").value_name("NAME").help("only of this container; default: all");
    let tail = Arg::new("tail").long("tail").value_name("N").value_parser(value_parser!(usize));
    [
        Arg::new("task").value_name("TASK").required(true).help("the task's id or ARN"),
        Arg::new("follow").short('f').long("follow").action(ArgAction::SetTrue).help("go on with what comes, until the task ends"),
        container,
        tail.help("only the last lines of each container; default: all that are kept"),
        Arg::new("timestamps").short('t').long("timestamps").action(ArgAction::SetTrue).help("begin each line with its time"),
    ]
}

fn events_command(json: Arg) -> Command {
    Command::new("events").about("Show ECS's events: what happened to tasks, services and container instances").args([
        Arg::new("follow").short('f').long("follow").action(ArgAction::SetTrue).help("go on with what happens from now on"),
        json.help("print one JSON object a line, as targets of EventBridge rules get it"),
        Arg::new("cluster").long("cluster").value_name("NAME").help("only those of this cluster"),
        Arg::new("type")
            .long("type")
            .value_name("TYPE")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .value_parser(["task", "service", "deployment", "instance"])
            .help("only those of these types"),
    ])
}

/// `kecs localstack`, without the flags that say which kecs is meant.
fn localstack_command(json: &Arg) -> Command {
    let cluster = Arg::new("cluster")
        .long("cluster")
        .value_name("NAME")
        .help("the cluster whose LocalStack is meant [default: the shared one]");
    let command = |name: &'static str, about: &'static str| Command::new(name).about(about);
    Command::new("localstack")
        .about("Look at the LocalStack of the kecs that runs on the data folder, and change it")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(command("status", "Tell how each LocalStack is").arg(json))
        .subcommand(command("enable", "Let it serve more services").args([services("services").required(true), cluster.clone()]))
        .subcommand(
            command("disable", "Let it serve these services no more").args([services("services").required(true), cluster.clone()]),
        )
        .subcommand(command("restart", "Start it, or start it again").arg(&cluster))
        .subcommand(command("logs", "Print what it says").args([
            Arg::new("follow").short('f').long("follow").action(ArgAction::SetTrue).help("go on with what it says from now on"),
            Arg::new("tail").long("tail").value_name("LINES").value_parser(value_parser!(usize)).help("only the last lines"),
            cluster.clone(),
        ]))
}

/// `kecs kubernetes`, without the flags that say which data folder is meant.
fn kubernetes_command() -> Command {
    Command::new("kubernetes")
        .about("Manage the Kubernetes cluster that `kecs start --create-cluster` has made")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(Command::new("delete").about("Remove it, with all that is in it"))
}

fn services(name: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("SERVICE")
        .value_parser(clap::builder::NonEmptyStringValueParser::new())
        .action(ArgAction::Append)
        .value_delimiter(',')
        .help("LocalStack's names, with commas")
}

fn config_flag() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help("the configuration file [KECS_CONFIG] [default: kecs-config.yaml, when it is there]")
}

fn flag(setting: &Setting) -> Arg {
    let name = setting.name;
    let help = format!("{} [{}] [default: {}]", setting.help, setting.variable(), setting.default);
    let arg = Arg::new(name).long(name).help(help);
    match setting.kind {
        Kind::Switch => arg.action(ArgAction::SetTrue),
        Kind::One => arg.value_name(setting.value).allow_hyphen_values(false),
        Kind::Many => arg.value_name(setting.value).action(ArgAction::Append).value_delimiter(','),
    }
}

/// Reads the command line. `Err(Ok(text))` is help or the version, to be printed.
///
/// # Errors
/// When it cannot be understood.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, Result<String, Failure>> {
    let matches = matches(command(), arguments)?;
    let (name, matches) = matches.subcommand().expect("clap requires a subcommand");
    let config = || matches.get_one::<PathBuf>("config").cloned();
    let flags = || flags(matches);
    Ok(match name {
        "start" => Request::Start { flags: flags(), config: config() },
        "status" => Request::Status { flags: flags(), config: config(), json: matches.get_flag("json") },
        "stop" => {
            let tasks = matches.get_one::<String>("tasks").and_then(|word| word.parse().ok());
            Request::Stop { flags: flags(), config: config(), tasks }
        }
        "sidecar" => Request::Sidecar(sidecar_options(matches)),
        "logs" => Request::Logs { flags: flags(), config: config(), wanted: wanted_logs(matches) },
        "events" => {
            let wish = events::Wish {
                follow: matches.get_flag("follow"),
                json: matches.get_flag("json"),
                cluster: matches.get_one("cluster").cloned(),
                types: matches.get_many("type").into_iter().flatten().cloned().collect(),
            };
            Request::Events { flags: flags(), config: config(), wish }
        }
        "localstack" => {
            let (name, matches) = matches.subcommand().expect("clap requires a subcommand");
            let cluster = matches.try_get_one::<String>("cluster").ok().flatten().cloned();
            let config = matches.get_one::<PathBuf>("config").cloned();
            Request::LocalStack { flags: self::flags(matches), config, cluster, ask: localstack_ask(name, matches) }
        }
        "kubernetes" => {
            let (_, matches) = matches.subcommand().expect("clap requires a subcommand");
            Request::DeleteKubernetes { flags: self::flags(matches), config: matches.get_one::<PathBuf>("config").cloned() }
        }
        "create-cluster" => Request::CreateCluster {
            flags: flags(),
            config: config(),
            name: matches.get_one::<String>("name").cloned().expect("it has a default"),
            services: words(matches, "localstack-services"),
            json: matches.get_flag("json"),
        },
        "version" => Request::Version { json: matches.get_flag("json") },
        _ => Request::Completions(*matches.get_one::<Shell>("shell").expect("clap requires the shell")),
    })
}

/// Reads the command line of `kecs-sidecar`, as [`parse`] does that of `kecs`.
///
/// # Errors
/// When it cannot be understood.
pub(crate) fn parse_sidecar(arguments: impl IntoIterator<Item = OsString>) -> Result<sidecar::Options, Result<String, Failure>> {
    let command = sidecar_command("kecs-sidecar").version(env!("CARGO_PKG_VERSION"));
    Ok(sidecar_options(&matches(command, arguments)?))
}

fn matches(command: Command, arguments: impl IntoIterator<Item = OsString>) -> Result<ArgMatches, Result<String, Failure>> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let advice = advice(&command, &arguments);
    command.try_get_matches_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(error.render().to_string()),
        _ => Err(failure(&error, &advice)),
    })
}

/// Where to read what can be written: in the help of the command that was meant.
fn advice(mut command: &Command, arguments: &[OsString]) -> String {
    let mut names = vec![command.get_name()];
    for word in arguments.iter().skip(1) {
        let Some(found) = command.find_subcommand(word) else { break };
        command = found;
        names.push(found.get_name());
    }
    match names.as_slice() {
        ["kecs"] => "see `kecs --help` or `kecs start --help`".to_owned(),
        names => format!("see `{} --help`", names.join(" ")),
    }
}

fn sidecar_options(matches: &ArgMatches) -> sidecar::Options {
    sidecar::Options {
        listen: matches.get_one::<SocketAddr>("listen").copied(),
        kecs_endpoint: matches.get_one::<String>("kecs-endpoint").cloned(),
        localstack_endpoint: matches.get_one::<String>("localstack-endpoint").cloned(),
        ready: matches.get_flag("ready"),
        flags: sidecar_settings(matches),
    }
}

fn wanted_logs(matches: &ArgMatches) -> Wanted {
    Wanted {
        task: matches.get_one::<String>("task").expect("clap requires the task").clone(),
        container: matches.get_one("container").cloned(),
        follow: matches.get_flag("follow"),
        tail: matches.get_one("tail").copied(),
        timestamps: matches.get_flag("timestamps"),
        json: matches.get_flag("json"),
    }
}

fn localstack_ask(name: &str, matches: &ArgMatches) -> localstack::Ask {
    use localstack::Ask;

    match name {
        "enable" => Ask::Services { enable: words(matches, "services"), disable: Vec::new() },
        "disable" => Ask::Services { enable: Vec::new(), disable: words(matches, "services") },
        "restart" => Ask::Restart,
        "logs" => Ask::Logs { follow: matches.get_flag("follow"), tail: matches.get_one("tail").copied() },
        _ => Ask::Status { json: matches.get_flag("json") },
    }
}

/// The values of a flag that may be repeated.
fn words(matches: &ArgMatches, name: &str) -> Vec<String> {
    matches.get_many::<String>(name).into_iter().flatten().cloned().collect()
}

fn flags(matches: &ArgMatches) -> Layer {
    flags_among(matches, |_| true)
}

/// The sidecar's `--listen` is one of its own.
fn sidecar_settings(matches: &ArgMatches) -> Layer {
    flags_among(matches, |setting| SIDECAR_SETTINGS.contains(&setting.name))
}

fn flags_among(matches: &ArgMatches, among: impl Fn(&Setting) -> bool) -> Layer {
    Layer::of_flags(SETTINGS.iter().filter(|setting| among(setting)).filter_map(|setting| {
        let given = matches!(matches.try_contains_id(setting.name), Ok(true))
            && matches.value_source(setting.name) == Some(clap::parser::ValueSource::CommandLine);
        let values = match setting.kind {
            _ if !given => return None,
            Kind::Switch => vec!["true".to_owned()],
            Kind::One | Kind::Many => matches.get_many::<String>(setting.name)?.cloned().collect(),
        };
        Some((setting.name, Raw::flag(setting.name, values)))
    }))
}

/// One line from clap's several, with its suggestion or else our advice.
fn failure(error: &clap::Error, advice: &str) -> Failure {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(" or ")),
        _ => None,
    };
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => "no command was given".to_owned(),
        ErrorKind::UnknownArgument => format!("unknown argument {}", context(ContextKind::InvalidArg).unwrap_or_default()),
        ErrorKind::MissingRequiredArgument => {
            let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else {
                return Failure::line(Exit::Usage, error);
            };
            format!("{} is missing", missing.join(" and "))
        }
        ErrorKind::InvalidSubcommand => format!("unknown command {}", context(ContextKind::InvalidSubcommand).unwrap_or_default()),
        _ => {
            let text = error.render().to_string();
            text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    };
    let suggestion = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(context)
        .filter(|suggestion| !suggestion.is_empty());
    let possible = context(ContextKind::ValidValue).filter(|values| !values.is_empty());
    match (suggestion, possible) {
        (Some(suggestion), _) => Failure::new(Exit::Usage, what, format_args!("did you mean {suggestion}?")),
        (None, Some(values)) => Failure::new(Exit::Usage, what, format_args!("write {values}")),
        (None, None) => Failure::new(Exit::Usage, what, advice),
    }
}

#[cfg(test)]
mod tests;
