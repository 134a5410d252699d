//! What a container finds around it: variables, folders, ports, user and limits.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use kecs_core::task_spec::{EnvValue, Mount, NetworkMode, Ulimit, Volume, VolumeSource};
use kecs_core::testing::{container, spec};
use kecs_core::{ErrorKind, SecretValue, TaskManager};

use crate::support::{Host, code, failed_to_start, only, pid, shell};

fn mount(volume: &str, path: &str) -> Mount {
    Mount { volume: volume.to_owned(), path: path.to_owned(), read_only: false }
}

#[tokio::test]
async fn nothing_of_the_servers_environment_reaches_a_container() {
    let host = Host::new().await;
    let spec = spec([container("web").command(["env"]).env("MINE", "1")]);
    host.run_to_end(&spec).await;
    let output = host.output(&spec.task, "web").await;
    let variables: BTreeMap<_, _> = output.iter().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(variables.keys().copied().collect::<Vec<_>>(), ["HOME", "HOSTNAME", "KECS_TASK_ID", "MINE", "PATH"]);
    assert_eq!(variables["HOME"], host.folder(&spec.task).canonicalize().unwrap().join("containers/web").to_str().unwrap());
}

#[tokio::test]
async fn environment_values_are_in_no_file_and_no_command_line() {
    let host = Host::new().await;
    let secret = ("TOKEN".to_owned(), EnvValue::Secret(SecretValue::new("hush-hush-1".to_owned())));
    let spec = spec([shell("web", "exec sleep 600").env("PLAIN", "hush-hush-2").with(|spec| spec.environment.push(secret))]);
    let task = host.run(&spec).await;
    let folder = host.folder(&spec.task);
    let mut files = Vec::new();
    collect(&folder, &mut files);
    assert!(files.iter().any(|file| file.ends_with("state.json")));
    for file in files {
        assert!(!holds(&std::fs::read(&file).unwrap(), b"hush-hush"), "{}", file.display());
    }
    let supervisor = crate::support::supervisor_in(&folder).unwrap();
    for (pid, file) in [(supervisor, "cmdline"), (supervisor, "environ"), (pid(only(&task)), "cmdline")] {
        assert!(!holds(&std::fs::read(format!("/proc/{pid}/{file}")).unwrap(), b"hush-hush"));
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            collect(&entry.path(), files);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
}

#[tokio::test]
async fn the_state_and_the_output_are_for_the_owner_alone() {
    let host = Host::new().await;
    let spec = spec([shell("web", "echo x")]);
    host.run_to_end(&spec).await;
    for file in ["state.json", "supervisor.log", "logs/web/00000001.log"] {
        let mode = std::fs::metadata(host.folder(&spec.task).join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
}

#[tokio::test]
async fn containers_share_a_volume_of_their_task() {
    let host = Host::new().await;
    let writer =
        shell("writer", "echo shared > data/file").essential(false).with(|spec| spec.mounts.push(mount("scratch", "/data")));
    let reader = shell("reader", "cat opt/in/file \"$KECS_VOLUME_SCRATCH/file\"")
        .depends_on("writer", kecs_core::task_spec::Condition::Success)
        .with(|spec| spec.mounts.push(mount("scratch", "/opt/in")));
    let mut spec = spec([writer, reader]);
    spec.volumes.push(Volume { name: "scratch".to_owned(), source: VolumeSource::Task });
    host.run_to_end(&spec).await;
    assert_eq!(host.output(&spec.task, "reader").await, ["shared", "shared"]);
}

#[tokio::test]
async fn a_host_volume_is_that_folder_and_is_made_if_it_is_not_there() {
    let host = Host::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let web = shell("web", "echo kept > data/file").with(|spec| spec.mounts.push(mount("kept", "/data")));
    let mut spec = spec([web]);
    spec.volumes.push(Volume { name: "kept".to_owned(), source: VolumeSource::Host { path: path.to_str().unwrap().to_owned() } });
    host.run_to_end(&spec).await;
    assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), "kept\n");
}

#[tokio::test]
async fn a_shared_docker_volume_outlives_the_task() {
    let host = Host::new().await;
    let volume = || Volume {
        name: "db".to_owned(),
        source: VolumeSource::Docker {
            shared: true,
            autoprovision: true,
            driver: None,
            driver_options: BTreeMap::new(),
            labels: BTreeMap::new(),
        },
    };
    let run = |line: &str| {
        let mut spec = spec([shell("web", line).with(|spec| spec.mounts.push(mount("db", "/db")))]);
        spec.volumes.push(volume());
        spec
    };
    host.run_to_end(&run("echo row > db/table")).await;
    let second = run("cat db/table");
    host.run_to_end(&second).await;
    assert_eq!(host.output(&second.task, "web").await, ["row"]);
}

fn ebs(id: &str, snapshot: Option<&str>, kept: bool) -> Volume {
    let (size, volume_type, filesystem) = (Some(10), None, None);
    let source =
        VolumeSource::Ebs { id: id.to_owned(), size, volume_type, filesystem, snapshot: snapshot.map(str::to_owned), kept };
    Volume { name: "disk".to_owned(), source }
}

#[tokio::test]
async fn a_managed_volume_goes_with_its_task_or_is_kept_under_its_id() {
    let host = Host::new().await;
    let run = |id, kept| {
        let mut spec = spec([shell("web", "echo result > disk/file").with(|spec| spec.mounts.push(mount("disk", "/disk")))]);
        spec.volumes.push(ebs(id, None, kept));
        spec
    };
    let (gone, kept) = (run("vol-1", false), run("vol-2", true));
    for spec in [&gone, &kept] {
        host.run_to_end(spec).await;
        host.tasks().forget_task(&spec.task).await.unwrap();
    }
    assert!(!host.folder(&gone.task).try_exists().unwrap());
    let volumes = host.data().join("volumes").join("ebs");
    assert!(!volumes.join("vol-1").try_exists().unwrap());
    assert_eq!(std::fs::read_to_string(volumes.join("vol-2").join("file")).unwrap(), "result\n");
}

#[tokio::test]
async fn a_working_directory_of_the_host_is_used_and_another_one_is_made() {
    let host = Host::new().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().canonicalize().unwrap();
    let here =
        |name: &str, path: &str| shell(name, "pwd").essential(false).with(|spec| spec.working_directory = Some(path.to_owned()));
    let spec = spec([here("host", folder.to_str().unwrap()), here("made", "/no/such/folder"), here("own", "")]);
    host.run_to_end(&spec).await;
    let containers = host.folder(&spec.task).canonicalize().unwrap().join("containers");
    for (name, expected) in
        [("host", folder.clone()), ("made", containers.join("made/no/such/folder")), ("own", containers.join("own"))]
    {
        assert_eq!(host.output(&spec.task, name).await, [expected.to_str().unwrap()], "{name}");
    }
}

#[tokio::test]
async fn a_dynamic_host_port_is_chosen_reported_and_told_to_the_container() {
    let host = Host::new().await;
    let mut spec = spec([shell("web", "echo $KECS_PORT_8080 $PORT").port(8080, None)]);
    spec.network_mode = NetworkMode::Bridge;
    let task = host.run_to_end(&spec).await;
    let binding = &only(&task).network_bindings[0];
    assert_eq!(binding.container_port, 8080);
    assert_ne!(binding.host_port, 0);
    assert_eq!(task.addresses, [std::net::IpAddr::from([127, 0, 0, 1])], "where the port is bound");
    assert_eq!(host.output(&spec.task, "web").await, [format!("{0} {0}", binding.host_port)]);
}

// On AWS the tasks of a service in `awsvpc` mode share nothing, so several of them with one containerPort must run.
#[tokio::test]
async fn a_second_awsvpc_task_gets_a_free_port_where_its_own_is_taken() {
    let host = Host::new().await;
    let web = |command: &str| {
        let mut spec = spec([shell("web", command).port(18_081, Some(18_081))]);
        spec.network_mode = NetworkMode::AwsVpc;
        spec
    };
    host.run(&web("exec sleep 600")).await;
    let second = web("echo $PORT $KECS_PORT_18081");
    let ended = host.run_to_end(&second).await;
    let port = only(&ended).network_bindings[0].host_port;
    assert_ne!(port, 18_081);
    assert_eq!(host.output(&second.task, "web").await, [format!("{port} {port}")]);
}

// The text is Docker's, which ECS shows.
#[tokio::test]
async fn a_host_port_is_for_one_task_at_a_time_even_across_a_restart() {
    let mut host = Host::new().await;
    let first = spec([shell("web", "exec sleep 600").port(80, Some(18_080))]);
    host.run(&first).await;
    host.reopen_after(async {}).await;
    let second = host.run_to_end(&spec([shell("web", "exit 0").port(80, Some(18_080))])).await;
    assert_eq!(failed_to_start(&second), "CannotStartContainerError: Bind for 0.0.0.0:18080 failed: port is already allocated");

    host.tasks().stop_task(&first.task).await.unwrap();
    host.end(&first.task).await;
    let third = host.run_to_end(&spec([shell("web", "exit 0").port(80, Some(18_080))])).await;
    assert_eq!(code(only(&third)), Some(0));
}

#[tokio::test]
async fn a_soft_limit_is_set() {
    let host = Host::new().await;
    let limit = Ulimit { name: "nofile".to_owned(), soft: 99, hard: 100 };
    let spec = spec([shell("web", "ulimit -Sn; ulimit -Hn").with(|spec| spec.ulimits.push(limit))]);
    host.run_to_end(&spec).await;
    assert_eq!(host.output(&spec.task, "web").await, ["99", "100"]);
}

#[tokio::test]
async fn a_container_runs_as_its_user_or_is_refused_where_it_cannot() {
    let host = Host::new().await;
    let web = shell("web", "id -u; id -g; id -G; touch here; cat data/file").with(|spec| {
        spec.user = Some("12345:12346".to_owned());
        spec.mounts.push(mount("scratch", "/data"));
    });
    let root = shell("root", "echo readable > data/file").essential(false).with(|spec| spec.mounts.push(mount("scratch", "/data")));
    let mut spec = spec([web.depends_on("root", kecs_core::task_spec::Condition::Success), root]);
    spec.volumes.push(Volume { name: "scratch".to_owned(), source: VolumeSource::Task });
    if !rustix::process::geteuid().is_root() {
        assert_eq!(host.tasks().ensure_task(&spec).await.unwrap_err().kind(), ErrorKind::Unsupported);
        return;
    }
    let task = host.run_to_end(&spec).await;
    assert_eq!(host.output(&spec.task, "web").await, ["12345", "12346", "12346", "readable"]);
    assert!(task.containers.iter().all(|container| code(container) == Some(0)));
}

#[tokio::test]
async fn what_would_mislead_is_refused() {
    let host = Host::new().await;
    let mut none = spec([shell("web", "exit 0")]);
    none.network_mode = NetworkMode::None;
    let hosts = spec([shell("web", "exit 0").with(|spec| spec.extra_hosts.push(("api".to_owned(), "10.0.0.1".to_owned())))]);
    let offline = spec([shell("web", "exit 0").with(|spec| spec.disable_networking = true)]);
    let mut disk = spec([shell("web", "exit 0")]);
    disk.volumes
        .push(Volume { name: "d".to_owned(), source: VolumeSource::Other { kind: "fsxWindowsFileServerVolumeConfiguration" } });
    let mut snapshot = spec([shell("web", "exit 0")]);
    snapshot.volumes.push(ebs("vol-1", Some("snap-1"), false));
    for spec in [none, hosts, offline, disk, snapshot] {
        assert_eq!(host.tasks().ensure_task(&spec).await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(host.tasks().observe_task(&spec.task).await.unwrap(), None);
        assert!(!host.folder(&spec.task).try_exists().unwrap());
    }
}
