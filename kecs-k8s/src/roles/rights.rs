//! What policies of a role mean in Kubernetes: the one table, of which docs/kubernetes.md has a copy.

use k8s_openapi::api::rbac::v1::PolicyRule;
use kecs_core::{ClusterRef, RolePolicies};

use super::policy::{Policies, Unreadable};

/// A right in the namespace of an ECS cluster, and what policies have to allow for it.
#[derive(Clone, Copy, Debug)]
struct Row {
    resource: &'static str,
    verbs: &'static [&'static str],
    /// All of these. "Actions, resources, and condition keys" of Amazon ECS and Amazon CloudWatch Logs tells which resources an action has.
    needs: &'static [(&'static str, &'static [Of])],
}

/// What an action has to be allowed on: all that is in the namespace.
#[derive(Clone, Copy, Debug)]
enum Of {
    /// An action without resources of its own.
    Everything,
    Cluster,
    Tasks,
    Instances,
    LogStreams,
}

/// Nothing here is more than KECS may do itself, and the API server sees to that.
const ROWS: &[Row] = &[
    // A pod shows what a task and its definition do, the `environment` among it.
    Row {
        resource: "pods",
        verbs: &["get", "list", "watch"],
        needs: &[
            ("ecs:ListTasks", &[Of::Instances]),
            ("ecs:DescribeTasks", &[Of::Tasks]),
            ("ecs:DescribeTaskDefinition", &[Of::Everything]),
        ],
    },
    // A namespace has the output of all its tasks, whatever their log group.
    Row { resource: "pods/log", verbs: &["get"], needs: &[("logs:GetLogEvents", &[Of::LogStreams])] },
    // Kubernetes asks for either verb, by its version and the client's protocol.
    Row { resource: "pods/exec", verbs: &["create", "get"], needs: &[("ecs:ExecuteCommand", &[Of::Cluster, Of::Tasks])] },
];

impl Of {
    fn pattern(self, cluster: &ClusterRef) -> String {
        let ClusterRef { scope, name } = cluster;
        let (partition, region, account) = (scope.partition(), &scope.region, &scope.account);
        match self {
            Self::Everything => "*".to_owned(),
            Self::Cluster => format!("arn:{partition}:ecs:{region}:{account}:cluster/{name}"),
            Self::Tasks => format!("arn:{partition}:ecs:{region}:{account}:task/{name}/*"),
            Self::Instances => format!("arn:{partition}:ecs:{region}:{account}:container-instance/{name}/*"),
            Self::LogStreams => format!("arn:{partition}:logs:{region}:{account}:log-group:*:log-stream:*"),
        }
    }
}

/// What a role with these policies may do among the tasks of a cluster.
pub(super) fn rules(policies: &RolePolicies, cluster: &ClusterRef) -> Result<Vec<PolicyRule>, Unreadable> {
    let RolePolicies { identity, boundary } = policies;
    let policies = Policies::read(identity, boundary.as_ref())?;
    let granted = ROWS.iter().filter(|row| {
        let mut needs = row.needs.iter();
        needs.all(|(action, on)| on.iter().all(|of| policies.allow(action, &of.pattern(cluster))))
    });
    Ok(granted.map(Row::rule).collect())
}

impl Row {
    fn rule(&self) -> PolicyRule {
        PolicyRule {
            api_groups: Some(vec![String::new()]),
            resources: Some(vec![self.resource.to_owned()]),
            verbs: self.verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            ..PolicyRule::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use kecs_core::testing::task_ref;
    use serde_json::{Value, json};

    use super::*;

    fn granted(statements: &Value) -> Vec<String> {
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let policies = RolePolicies { identity: vec![document], boundary: None };
        let rules = rules(&policies, &task_ref("default").cluster).expect("it is a policy");
        rules.into_iter().flat_map(|rule| rule.resources.unwrap_or_default()).collect()
    }

    fn allowed(actions: &Value, resource: &str) -> Vec<String> {
        granted(&json!([{"Effect": "Allow", "Action": actions, "Resource": resource}]))
    }

    #[test]
    fn pods_are_read_by_who_may_read_tasks_and_their_definitions() {
        assert_eq!(allowed(&json!(["ecs:List*", "ecs:Describe*"]), "*"), ["pods"]);
        assert_eq!(allowed(&json!(["ecs:ListTasks", "ecs:DescribeTasks"]), "*"), [""; 0], "not without the definition");
        assert_eq!(
            allowed(&json!("ecs:*"), "arn:aws:ecs:*:*:*"),
            ["pods/exec"],
            "DescribeTaskDefinition has no resource of its own"
        );
    }

    #[test]
    fn output_and_commands_are_rights_of_their_own() {
        assert_eq!(allowed(&json!("logs:GetLogEvents"), "arn:aws:logs:*:*:*"), ["pods/log"]);
        assert_eq!(allowed(&json!("logs:GetLogEvents"), "arn:aws:logs:*:*:log-group:/ecs/web:*"), [""; 0]);
        assert_eq!(allowed(&json!("ecs:ExecuteCommand"), "*"), ["pods/exec"]);
        assert_eq!(allowed(&json!("ecs:ExecuteCommand"), "arn:aws:ecs:us-east-1:000000000000:task/default/*"), [""; 0]);
        let both = json!([{"Effect": "Allow", "Action": "ecs:ExecuteCommand", "Resource": [
            "arn:aws:ecs:us-east-1:000000000000:cluster/default", "arn:aws:ecs:us-east-1:000000000000:task/default/*",
        ]}]);
        assert_eq!(granted(&both), ["pods/exec"]);
    }

    #[test]
    fn who_may_do_everything_may_read_no_secret_and_change_nothing() {
        let all = RolePolicies {
            identity: vec![json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}).to_string()],
            boundary: None,
        };
        let rules = rules(&all, &task_ref("default").cluster).expect("it is a policy");
        let given: Vec<(String, String)> = rules
            .iter()
            .flat_map(|rule| rule.resources.iter().flatten().map(|resource| (resource.clone(), rule.verbs.join(" "))))
            .collect();
        let expected = [("pods", "get list watch"), ("pods/log", "get"), ("pods/exec", "create get")];
        assert_eq!(given, expected.map(|(resource, verbs)| (resource.to_owned(), verbs.to_owned())));
        assert_eq!(allowed(&json!(["secretsmanager:*", "ssm:*", "kms:*", "iam:*", "eks:*"]), "*"), [""; 0]);
    }

    /// The documentation's table, from this one.
    fn documented() -> String {
        let mut table = String::from("| what policies allow | what the account may do |\n|---|---|\n");
        for Row { resource, verbs, needs } in ROWS {
            let needs: Vec<String> = needs
                .iter()
                .map(|(action, on)| format!("`{action}` on {}", on.iter().map(|of| of.words()).collect::<Vec<_>>().join(" and ")))
                .collect();
            let row = format!("| {} | {} of `{resource}` |\n", needs.join(", "), verbs.join(", "));
            table.push_str(&row);
        }
        table
    }

    impl Of {
        fn words(self) -> &'static str {
            match self {
                Self::Everything => "`*`",
                Self::Cluster => "the cluster",
                Self::Tasks => "its tasks",
                Self::Instances => "its container instances",
                Self::LogStreams => "all log streams",
            }
        }
    }

    #[test]
    fn the_documentation_has_this_table() {
        let page = include_str!("../../../docs/kubernetes.md");
        assert!(page.contains(&documented()), "docs/kubernetes.md should have this table:\n{}", documented());
    }
}
