//! The role of a task is somebody in the cluster, once for all tasks that have it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kecs_core::testing::task_manager::{Harness, RestartHarness};
use kecs_core::{
    BackendError, ClusterRef, ErrorKind, LogQuery, RolePolicies, RolePolicySource, RoleRef, Scope, TaskManager, TaskSpec,
};
use kecs_k8s::{KubernetesConfig, TaskRoles};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use crate::support::{OnCluster, cluster, cluster_with, running, task};

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

// `--kube-roles off`.
#[tokio::test]
async fn ignored_roles_make_nothing_and_the_tasks_run_all_the_same() {
    let ignored = |config: &mut KubernetesConfig| config.roles = TaskRoles::Ignored;
    let Some(cluster) = cluster_with("ignored_roles_make_nothing_and_the_tasks_run_all_the_same", ignored).await else { return };
    let spec = of_role("ls -d /var/run/secrets/eks.amazonaws.com /var/run/secrets/kubernetes.io 2>&1");
    let output = cluster.output(&spec).await;
    assert_eq!(output.matches("No such file").count(), 2, "there is no token: {output}");
    assert_eq!(cluster.role_accounts().await, [""; 0]);
    assert_eq!(cluster.tasks().held_roles().await.expect("there is nothing to ask for"), []);
    let role = RoleRef { scope: spec.task.cluster.scope.clone(), arn: ROLE.into() };
    cluster.tasks().release_role(&role).await.expect("there is nothing to drop");
}

/// IAM with one policy, which may be another at another time.
#[derive(Debug, Default)]
struct Iam(Mutex<Value>);

impl Iam {
    fn say(&self, statements: &Value) {
        *self.0.lock().expect("nobody panics while holding it") = json!({"Version": "2012-10-17", "Statement": statements});
    }
}

#[async_trait]
impl RolePolicySource for Iam {
    async fn policies(&self, _: &ClusterRef, _: &str) -> Result<RolePolicies, BackendError> {
        let document = self.0.lock().expect("nobody panics while holding it").to_string();
        Ok(RolePolicies { identity: vec![document], boundary: None })
    }
}

impl OnCluster {
    /// What of `asked`, as `verb resource`, the account may do in a namespace, as the API server says.
    async fn may(&self, account: &str, namespace: &str, asked: &[&str]) -> Vec<String> {
        let reviews: Api<SubjectAccessReview> = Api::all(Self::client().await);
        let user = format!("system:serviceaccount:{}:{account}", self.namespace().await);
        let mut allowed = Vec::new();
        for words in asked {
            let (verb, resource) = words.split_once(' ').expect("a verb and a resource");
            let (group, resource) = resource.split_once(':').unwrap_or(("", resource));
            let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let review = json!({
                "spec": {"user": user, "groups": ["system:serviceaccounts", "system:authenticated"], "resourceAttributes":
                    {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource}},
                "metadata": {},
            });
            let review = serde_json::from_value(review).expect("it is a review");
            let answer = reviews.create(&PostParams::default(), &review).await.expect("anything can be asked");
            if answer.status.is_some_and(|status| status.allowed) {
                allowed.push((*words).to_owned());
            }
        }
        allowed
    }
}

const QUESTIONS: &[&str] = &[
    "get pods",
    "list pods",
    "watch pods",
    "create pods",
    "patch pods",
    "delete pods",
    "get pods/log",
    "create pods/exec",
    "get pods/exec",
    "create pods/attach",
    "create pods/portforward",
    "create pods/ephemeralcontainers",
    "get secrets",
    "list secrets",
    "watch secrets",
    "create secrets",
    "get configmaps",
    "create serviceaccounts/token",
    "get serviceaccounts",
    "impersonate serviceaccounts",
    "create rbac.authorization.k8s.io:roles",
    "create rbac.authorization.k8s.io:rolebindings",
    "bind rbac.authorization.k8s.io:roles",
    "escalate rbac.authorization.k8s.io:roles",
    "get nodes",
    "get namespaces",
];

#[tokio::test]
async fn an_account_may_do_what_the_role_s_policies_mean_there_and_nothing_else() {
    let iam = Arc::new(Iam::default());
    iam.say(&json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "ecs:ExecuteCommand", "Resource": "*"}]));
    let source = TaskRoles::Rights(Arc::clone(&iam) as _);
    let test = "an_account_may_do_what_the_role_s_policies_mean_there_and_nothing_else";
    let Some(cluster) = cluster_with(test, move |config| config.roles = source).await else { return };
    // The pod asks by its own token, as every client of Kubernetes does.
    let line = "cd /var/run/secrets/kubernetes.io/serviceaccount && ls";
    assert_eq!(cluster.output(&of_role(line)).await.split_whitespace().collect::<Vec<_>>(), ["ca.crt", "namespace", "token"]);
    let accounts = cluster.role_accounts().await;
    let [account] = &accounts[..] else { panic!("{accounts:?}") };
    let namespace = cluster.namespace().await;
    assert_eq!(cluster.may(account, &namespace, QUESTIONS).await, ["get pods", "list pods", "watch pods", "get pods/log"]);
    for elsewhere in ["default", "kube-system", ""] {
        assert_eq!(cluster.may(account, elsewhere, QUESTIONS).await, [""; 0], "in {elsewhere}");
    }
    assert_eq!(cluster.may("default", &namespace, QUESTIONS).await, [""; 0], "the account of tasks without a role");
    // Another KECS reads the policies anew.
    iam.say(&json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]));
    let cluster = cluster.restart(Duration::ZERO).await;
    assert!(cluster.output(&of_role("ls -d /var/run/secrets/kubernetes.io 2>&1")).await.contains("No such file"));
    assert_eq!(cluster.may(account, &namespace, QUESTIONS).await, [""; 0], "what was taken back");
}

#[tokio::test]
async fn an_account_goes_with_its_rights_when_its_role_is_released_but_not_from_under_a_pod() {
    let iam = Arc::new(Iam::default());
    iam.say(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    let source = TaskRoles::Rights(iam);
    let test = "an_account_goes_with_its_rights_when_its_role_is_released_but_not_from_under_a_pod";
    let Some(cluster) = cluster_with(test, move |config| config.roles = source).await else { return };
    let (first, second) = (of_role("sleep 600 & wait"), of_role("exit 0"));
    cluster.ensure(&first).await;
    cluster.until_running(&first).await;
    let role = RoleRef { scope: first.task.cluster.scope.clone(), arn: ROLE.into() };
    assert_eq!(cluster.tasks().held_roles().await.expect("they can be listed"), std::slice::from_ref(&role));
    let refusal = cluster.tasks().release_role(&role).await.expect_err("a pod has it");
    assert_eq!(refusal.kind(), ErrorKind::Conflict, "{refusal:?}");
    let elsewhere = RoleRef { scope: Scope::new("000000000000", "eu-west-1"), arn: ROLE.into() };
    cluster.tasks().release_role(&elsewhere).await.expect("there is nothing to release");
    let accounts = cluster.role_accounts().await;
    assert_eq!(accounts.len(), 1);

    cluster.stop(&first).await;
    cluster.until_stopped(&first).await;
    // Another KECS, which has not made it.
    let cluster = cluster.restart(Duration::ZERO).await;
    let roles: Api<Role> = Api::namespaced(OnCluster::client().await, &cluster.namespace().await);
    let bindings: Api<RoleBinding> = Api::namespaced(OnCluster::client().await, &cluster.namespace().await);
    roles.get(&accounts[0]).await.expect("it has rights");
    let gone = (
        await_condition(roles, &accounts[0], is_gone::<Role>()),
        await_condition(bindings, &accounts[0], is_gone::<RoleBinding>()),
    );
    cluster.until_released(&role).await;
    assert_eq!(cluster.tasks().held_roles().await.expect("they can be listed"), []);
    assert_eq!(cluster.role_accounts().await, [""; 0]);
    let gone = async { futures::try_join!(gone.0, gone.1) };
    tokio::time::timeout(cluster.patience(), Box::pin(gone)).await.expect("they go with the account").expect("they can be watched");

    cluster.output(&second).await;
    assert_eq!(cluster.role_accounts().await, accounts, "the next task makes it anew");
}

/// Whether a watch tells that there is none.
fn is_gone<K>() -> impl Fn(Option<&K>) -> bool + Send {
    |object: Option<&K>| object.is_none()
}

impl OnCluster {
    /// As core does, while the pod's phase has not followed its containers yet.
    async fn until_released(&self, role: &RoleRef) {
        let released = async {
            while let Err(error) = self.tasks().release_role(role).await {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
            }
        };
        tokio::time::timeout(self.patience(), released).await.expect("a pod that has ended needs no account");
    }
}
