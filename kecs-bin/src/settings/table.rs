//! The table of settings: flags, environment variables, keys of the file and the documentation are all made from it.

/// How many values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value.
    One,
    /// A list: the flag may be repeated, and flag and variable take several with commas.
    Many,
    /// Yes or no: the flag alone says yes.
    Switch,
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The key in the file; the flag is `--name`, the variable `KECS_NAME`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What a value looks like.
    pub(crate) value: &'static str,
    /// What holds when nobody says anything, for people.
    pub(crate) default: &'static str,
    pub(crate) help: &'static str,
    /// No flag, since other users of the machine can read a command line; and the values are never shown.
    pub(crate) secret: bool,
}

impl Setting {
    const fn one(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::One, value, default, help, secret: false }
    }

    const fn many(name: &'static str, value: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Many, value, default: "none", help, secret: false }
    }

    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("KECS_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// The setting of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }
}

/// All settings.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting::one("listen", "HOST:PORT", "127.0.0.1:5373", "where to answer; port 0 takes a free one"),
    Setting::one(
        "data-dir",
        "DIR",
        "$XDG_DATA_HOME/kecs, or ~/.local/share/kecs",
        "where state and tasks are kept; one kecs at a time uses it",
    ),
    Setting::one(
        "runtime",
        "process|kubernetes|memory|auto",
        "process",
        "how tasks run: as processes of this host, as pods, or only pretended (for testing deployment code); auto is pods where a cluster answers",
    ),
    Setting::one(
        "create-cluster",
        "kind|k3d",
        "none is made",
        "make a Kubernetes cluster on this machine with this tool and Docker, or use the one that was made before, and run tasks there; `kecs kubernetes delete` removes it",
    ),
    Setting::one("kubeconfig", "FILE", "where kubectl looks, then a pod's own account", "how the Kubernetes cluster is reached"),
    Setting::one("kube-context", "NAME", "the kubeconfig's current one", "the context of the kubeconfig"),
    Setting::one(
        "kube-prefix",
        "NAME",
        "kecs",
        "what the names of namespaces begin with, and what tells one KECS from another in the same cluster",
    ),
    Setting::one("kube-pull-policy", "POLICY", "Kubernetes' own rule", "when images are pulled: Always, IfNotPresent or Never"),
    Setting::one(
        "kube-storage-class",
        "NAME",
        "the cluster's default one",
        "the StorageClass of what stands for Amazon EBS volumes and shared Docker volumes",
    ),
    Setting::one(
        "kube-efs",
        "class:NAME|nfs://SERVER/PATH",
        "none; tasks with EFS volumes are refused",
        "what stands for Amazon EFS: claims of a StorageClass that many pods can mount, or folders of an NFS server",
    ),
    Setting::one("kube-gpu-resource", "NAME", "nvidia.com/gpu", "the resource of a node that a GPU is"),
    Setting::one(
        "kube-nodes",
        "off|labelled|cluster:NAME",
        "labelled",
        "which nodes are container instances: none, those with the label kecs.io/cluster, of the ECS cluster that it names, or also all others, of the cluster NAME",
    ),
    Setting::one(
        "kube-roles",
        "off|accounts|rights",
        "rights",
        "what the role of a task is in the Kubernetes cluster: nothing, a service account with a token for STS, or one that may also do what the role's policies mean there",
    ),
    Setting::one(
        "kube-stats",
        "off|verified|unverified",
        "verified",
        "which kubelets are asked what pods use, with the credentials for the API server: none, those with a certificate of the cluster, or whoever answers on a node",
    ),
    Setting::one(
        "task-endpoint",
        "URL",
        "none, and pods are told of no endpoint; of a made cluster this machine, where listen is all its addresses",
        "where pods reach this endpoint; each gets a sidecar that answers for AWS on its loopback",
    ),
    Setting::one("sidecar-image", "IMAGE", "kecs.io/kecs-sidecar, of this version", "the image of that sidecar"),
    Setting::one(
        "kube-webhook",
        "off|NAMESPACE/SERVICE|URL",
        "off",
        "whether other pods may ask for the sidecar, and where the API server reaches the webhook for that: by a Service of the cluster, or at https://HOST:PORT",
    ),
    Setting::one("kube-webhook-listen", "HOST:PORT", "0.0.0.0:9443", "where the webhook answers"),
    Setting::one(
        "kube-webhook-failure-policy",
        "Ignore|Fail",
        "Ignore",
        "what becomes of pods that ask while the webhook does not answer: they are created without a sidecar, or refused",
    ),
    Setting::one("kube-localstack-namespace", "NAME", "aws-services", "the namespace of LocalStack, with the Kubernetes runtime"),
    Setting::one(
        "kube-localstack-image",
        "IMAGE",
        "localstack/localstack",
        "the image of LocalStack there, without its tag, which is the version",
    ),
    Setting::one("state", "file|memory", "file", "where ECS state is kept: in one file of the data folder, or nowhere"),
    Setting::one(
        "localstack",
        "auto|on|off|URL",
        "auto",
        "the other AWS services: a LocalStack that is started when it is first called (auto) or at once (on), none, or one that runs at URL",
    ),
    Setting::one(
        "localstack-python",
        "FILE",
        "one that KECS installs LocalStack for, below the data folder",
        "a Python that has LocalStack already; nothing is installed then",
    ),
    Setting::one(
        "localstack-base-python",
        "FILE",
        "the first one on the PATH that LocalStack runs on",
        "the Python with its venv module that LocalStack is installed for",
    ),
    Setting {
        name: "localstack-auth-token",
        kind: Kind::One,
        value: "TOKEN",
        default: "$LOCALSTACK_AUTH_TOKEN",
        help: "the token that LocalStack's versions from 2026.03.0 on demand",
        secret: true,
    },
    Setting::one("region", "REGION", "us-east-1", "the region of requests that name none"),
    Setting::one("account", "ID", "000000000000", "the account of requests that name none: 12 digits"),
    Setting::one("auth", "off|required", "off", "whether requests must be signed with one of the access keys"),
    Setting {
        name: "access-keys",
        kind: Kind::Many,
        value: "ID:SECRET[:ACCOUNT]",
        default: "none",
        help: "the keys that are accepted with auth required; not a flag, since others can read a command line",
        secret: true,
    },
    Setting::one(
        "task-credentials",
        "test|none|ROLE_ARN",
        "test",
        "what tasks without a task role get: keys of their account, nothing, or the credentials of a role",
    ),
    Setting::one("create-roles", "on|off", "on", "whether a task's role that LocalStack does not have is created there"),
    Setting::one(
        "binary-secrets",
        "refuse|base64",
        "refuse",
        "what a task gets of a secret that stores binary data: refuse it as ECS does, or base64",
    ),
    Setting {
        name: "insecure",
        kind: Kind::Switch,
        value: "true|false",
        default: "false",
        help: "listen on an address that others can reach although requests need no signature",
        secret: false,
    },
    Setting::many("allowed-hosts", "NAME", "names, besides those of this machine, by which clients may call the endpoint"),
    Setting::many("allowed-origins", "ORIGIN", "web origins whose pages may call the endpoint"),
    Setting::one(
        "on-exit",
        "leave|stop",
        "leave (stop with state memory)",
        "what Ctrl-C and SIGTERM do to running tasks: leave them for the next start, or stop them first",
    ),
    Setting::one("log", "FILTER", "info", "what to log on stderr: error, warn, info, debug, trace, or by module (kecs_core=debug)"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation's table, from this one.
    fn documented() -> String {
        let mut table = String::from("| key | flag | variable | values | default | what it does |\n|---|---|---|---|---|---|\n");
        for setting in SETTINGS {
            let Setting { name, value, default, help, secret, kind } = setting;
            let flag = match (secret, kind) {
                (true, _) => "—".to_owned(),
                (false, Kind::Switch) => format!("`--{name}`"),
                (false, _) => format!("`--{name} {value}`").replace('|', "\\|"),
            };
            let values = match kind {
                Kind::Many => format!("list of `{value}`"),
                _ => format!("`{value}`").replace('|', "\\|"),
            };
            let row = format!("| `{name}` | {flag} | `{}` | {values} | {default} | {help} |\n", setting.variable());
            table.push_str(&row);
        }
        table
    }

    #[test]
    fn the_documentation_has_this_table() {
        let page = include_str!("../../../docs/configuration.md");
        assert!(page.contains(&documented()), "docs/configuration.md should have this table:\n{}", documented());
    }

    #[test]
    fn variables_are_the_names_in_capitals() {
        assert_eq!(Setting::named("data-dir").unwrap().variable(), "KECS_DATA_DIR");
    }
}
