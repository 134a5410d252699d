//! The proxies that are measured against each other, each one process on one core, in front of the same upstream.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use e2e::binary;

use crate::process::{Server, free_address};

/// Starts every proxy that this machine has, and tells by name which it has not.
///
/// # Errors
/// When one that is here does not start.
pub fn start_all(upstream: SocketAddr, folder: &Path) -> Result<(Vec<Server>, Vec<&'static str>)> {
    let gateway = gateway(upstream, &folder.join("kecs"))?;
    let sidecar = sidecar(gateway.address, upstream)?;
    let mut proxies = vec![gateway, sidecar];
    let mut missing = Vec::new();
    let peers: [(&'static str, Start); 4] = [("haproxy", haproxy), ("haproxy", haproxy_by_service), ("nginx", nginx), ("go", go)];
    for (program, start) in peers {
        match found(program) {
            Some(path) => proxies.push(start(&path, upstream, folder)?),
            None if missing.contains(&program) => {}
            None => missing.push(program),
        }
    }
    Ok((proxies, missing))
}

type Start = fn(&Path, SocketAddr, &Path) -> Result<Server>;

/// `kecs start`, whose other services are the upstream.
///
/// # Errors
/// When it does not start.
pub fn gateway(upstream: SocketAddr, data: &Path) -> Result<Server> {
    let mut command = Command::new(binary());
    command.args(["start", "--runtime", "memory", "--state", "memory", "--listen", "127.0.0.1:0", "--log", "error"]);
    command.arg("--data-dir").arg(data).arg(format!("--localstack=http://{upstream}"));
    Server::start("KECS", command, " answers at ", address_of)
}

fn sidecar(kecs: SocketAddr, upstream: SocketAddr) -> Result<Server> {
    let mut command = Command::new(binary());
    command.args(["sidecar", "--listen", "127.0.0.1:0", "--log", "error"]);
    command.arg(format!("--kecs-endpoint=http://{kecs}")).arg(format!("--localstack-endpoint=http://{upstream}"));
    Server::start("KECS sidecar", command, "http://", address_of)
}

/// Passes everything on and looks at nothing.
fn haproxy(program: &Path, upstream: SocketAddr, folder: &Path) -> Result<Server> {
    haproxy_with("HAProxy", program, upstream, folder, "")
}

/// What the gateway does for a call, in HAProxy's own language: who calls from elsewhere is refused, the service of the signature and the paths of the ECS
/// agent decide where the call goes, and each answer has a request id.
fn haproxy_by_service(program: &Path, upstream: SocketAddr, folder: &Path) -> Result<Server> {
    let rules = "  unique-id-format %[uuid()]\n  acl local hdr(host),host_only -m str 127.0.0.1 localhost\n  http-request deny unless local\n  \
         http-request set-var(txn.service) req.hdr(authorization),field(4,/)\n  \
         acl ours var(txn.service) -m str ecs elasticloadbalancing servicediscovery application-autoscaling\n  \
         acl agent path_beg /v2/credentials/ /v3/ /v4/ /api/ /_kecs/\n  \
         http-response set-header x-amzn-requestid %[unique-id] unless { res.hdr(x-amzn-requestid) -m found }\n  \
         use_backend ours if ours\n  use_backend ours if agent !{ var(txn.service) -m found }\n";
    haproxy_with("HAProxy by service", program, upstream, folder, rules)
}

fn haproxy_with(name: &'static str, program: &Path, upstream: SocketAddr, folder: &Path, rules: &str) -> Result<Server> {
    let address = free_address()?;
    let file = folder.join(format!("{name}.cfg"));
    let text = format!(
        "global\n  nbthread 1\n  maxconn 4000\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  \
         http-reuse always\nfrontend in\n  bind {address}\n{rules}  default_backend out\nbackend out\n  server up {upstream}\n\
         backend ours\n  server up {upstream}\n"
    );
    std::fs::write(&file, text).context("cannot write HAProxy's configuration")?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(file);
    Server::listening(name, command, address)
}

fn nginx(program: &Path, upstream: SocketAddr, folder: &Path) -> Result<Server> {
    let address = free_address()?;
    let file = folder.join("nginx.conf");
    let own = folder.display();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {own}/nginx.pid;\nerror_log stderr crit;\nevents {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  client_max_body_size 0;\n  keepalive_requests 100000000;\n  client_body_temp_path {own}/b;\n  \
         proxy_temp_path {own}/p;\n  fastcgi_temp_path {own}/f;\n  uwsgi_temp_path {own}/u;\n  scgi_temp_path {own}/s;\n  upstream up {{ server {upstream}; keepalive 128; keepalive_requests 100000000; }}\n  \
         server {{\n    listen {address};\n    location / {{\n      proxy_pass http://up;\n      proxy_http_version 1.1;\n      \
         proxy_set_header Connection \"\";\n      proxy_set_header Host $http_host;\n      proxy_buffering off;\n      proxy_request_buffering off;\n    }}\n  }}\n}}\n"
    );
    std::fs::write(&file, text).context("cannot write nginx's configuration")?;
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(file);
    Server::listening("nginx", command, address)
}

fn go(program: &Path, upstream: SocketAddr, folder: &Path) -> Result<Server> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/reverse_proxy.go");
    let built = folder.join("reverse_proxy");
    let mut build = Command::new(program);
    build.arg("build").arg("-o").arg(&built).arg(source);
    if !build.status().context("cannot run go")?.success() {
        bail!("the reverse proxy in Go does not build");
    }
    let mut command = Command::new(built);
    command.arg(format!("http://{upstream}"));
    Server::start("Go net/http", command, "answers at ", address_of)
}

fn address_of(line: &str) -> Option<SocketAddr> {
    line.split("http://").nth(1)?.split(|c: char| c.is_whitespace() || c == ',').next()?.parse().ok()
}

/// Where a program is, also where only root looks.
fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/go/bin")]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
