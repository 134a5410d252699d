//! The role of a task is somebody in the cluster, once for all tasks that have it.

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::ServiceAccount;
use kecs_core::{LogQuery, TaskManager, TaskSpec};
use kube::api::{Api, DeleteParams, ListParams};

use crate::support::{OnCluster, cluster, running, task};

const ROLE: &str = "arn:aws:iam::000000000000:role/apps/Reader";

fn of_role(line: &str) -> TaskSpec {
    TaskSpec { role: Some(ROLE.into()), ..task([running("app", line)]) }
}

impl OnCluster {
    async fn accounts(&self) -> Api<ServiceAccount> {
        Api::namespaced(Self::client().await, &self.namespace().await)
    }

    /// The names of the accounts that are ours.
    async fn role_accounts(&self) -> Vec<String> {
        let own = ListParams::default().labels(&format!("kecs.io/owner={}", self.config().prefix));
        let found = self.accounts().await.list(&own).await.expect("accounts can be listed").items;
        found.into_iter().filter_map(|account| account.metadata.name).collect()
    }

    /// Runs the task to its end; what it printed.
    async fn output(&self, spec: &TaskSpec) -> String {
        self.ensure(spec).await;
        self.until_stopped(spec).await;
        let lines = self.tasks().logs(&spec.task, "app", LogQuery::all()).await.expect("the container is known");
        let lines: Vec<_> = lines.try_collect().await.expect("the lines can be read");
        lines.iter().map(|line| String::from_utf8_lossy(&line.line).into_owned()).collect::<Vec<_>>().join("\n")
    }
}

// "Configure Pods to use a Kubernetes service account" (Amazon EKS): the annotation, the path and the audience.
#[tokio::test]
async fn tasks_of_a_role_share_an_account_and_have_a_token_for_sts_and_no_other() {
    let Some(cluster) = cluster("tasks_of_a_role_share_an_account_and_have_a_token_for_sts_and_no_other").await else { return };
    // The claims are between the dots, in base64 without padding and with its own last two letters.
    let line = "cut -d. -f2 /var/run/secrets/eks.amazonaws.com/serviceaccount/token | tr '_-' '/+' | sed 's/$/==/' | base64 -d 2>/dev/null; echo; \
                ls -d /var/run/secrets/kubernetes.io 2>&1";
    let (first, second) = (of_role(line), of_role("exit 0"));
    let output = cluster.output(&first).await;
    let accounts = cluster.role_accounts().await;
    let [account] = &accounts[..] else { panic!("{accounts:?}") };
    let (claims, api) = output.rsplit_once('\n').expect("there are two lines");
    assert!(claims.contains(r#""aud":["sts.amazonaws.com"]"#), "{output}");
    let subject = format!(r#""sub":"system:serviceaccount:{}:{account}""#, cluster.namespace().await);
    assert!(claims.contains(&subject), "{subject} {output}");
    assert!(api.contains("No such file"), "there is no token for the Kubernetes API: {output}");

    let made = cluster.accounts().await.get(account).await.expect("it is there");
    let annotations = made.metadata.annotations.expect("it has some");
    assert_eq!(annotations.get("eks.amazonaws.com/role-arn").map(String::as_str), Some(ROLE));
    cluster.output(&second).await;
    assert_eq!(cluster.role_accounts().await, accounts);
}

#[tokio::test]
async fn an_account_that_somebody_removes_is_made_again_with_the_next_task() {
    let Some(cluster) = cluster("an_account_that_somebody_removes_is_made_again_with_the_next_task").await else { return };
    cluster.output(&of_role("exit 0")).await;
    let accounts = cluster.role_accounts().await;
    cluster.accounts().await.delete(&accounts[0], &DeleteParams::default()).await.expect("it can be removed");
    assert_eq!(cluster.role_accounts().await, [""; 0]);
    cluster.output(&of_role("exit 0")).await;
    assert_eq!(cluster.role_accounts().await, accounts);
}
