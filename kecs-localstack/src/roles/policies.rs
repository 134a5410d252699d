//! What a role is allowed: its own policies, those that are attached, and its boundary.

use async_trait::async_trait;
use kecs_core::{BackendError, ClusterRef, RolePolicies, RolePolicySource};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::AwsRoles;
use super::role::Role;
use crate::AwsClient;
use crate::aws::{element, elements};

/// A policy's answer has its document percent-encoded ("URL-encoded JSON compliant with RFC 3986"), which not every IAM does.
const DOCUMENT: &str = "PolicyDocument";

#[async_trait]
impl RolePolicySource for AwsRoles {
    async fn policies(&self, cluster: &ClusterRef, role_arn: &str) -> Result<RolePolicies, BackendError> {
        let role = Role::parse(role_arn, &cluster.scope)?;
        let iam = Iam { role: &role, client: AwsClient::new(self.backends.of(cluster)) };
        let Some(answer) = iam.found().await? else { return Ok(RolePolicies::default()) };
        let mut policies = RolePolicies::default();
        for name in iam.listed("ListRolePolicies", "member").await? {
            let answer = iam.ask("GetRolePolicy", &[("RoleName", role.name()), ("PolicyName", &name)]).await?;
            policies.identity.extend(answer.and_then(|answer| document(&answer, DOCUMENT)));
        }
        for arn in iam.listed("ListAttachedRolePolicies", "PolicyArn").await? {
            policies.identity.extend(iam.managed(&arn).await?);
        }
        if let Some(arn) = element(&answer, "PermissionsBoundaryArn") {
            // A boundary that is not there lets nothing through.
            policies.boundary = Some(iam.managed(&arn).await?.unwrap_or_else(|| r#"{"Statement":[]}"#.to_owned()));
        }
        Ok(policies)
    }
}

/// IAM, about one role.
struct Iam<'a> {
    role: &'a Role,
    client: AwsClient,
}

impl Iam<'_> {
    /// The role as IAM has it; `None` in a LocalStack without IAM.
    async fn found(&self) -> Result<Option<Zeroizing<String>>, BackendError> {
        match self.role.asked(&self.client, "GetRole", &[("RoleName", self.role.name())]).await {
            Ok(answer) => Ok(Some(answer)),
            Err(crate::AwsCallError::Service { status: 501, .. }) => Ok(None),
            Err(error) if error.code() == Some("NoSuchEntity") => Err(self.role.failure("is not there", error)),
            Err(error) => Err(self.role.failure("cannot be looked up", error)),
        }
    }

    /// An answer; `None` about what is not there, or not any more.
    async fn ask(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Option<Zeroizing<String>>, BackendError> {
        match self.role.asked(&self.client, action, parameters).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.code() == Some("NoSuchEntity") => Ok(None),
            Err(error) => Err(self.role.failure("has policies that cannot be read", error)),
        }
    }

    /// All pages of a list of the role's policies.
    async fn listed(&self, action: &str, item: &str) -> Result<Vec<String>, BackendError> {
        let mut all = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let mut parameters = vec![("RoleName", self.role.name())];
            parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let Some(answer) = self.ask(action, &parameters).await? else { return Ok(all) };
            all.extend(elements(&answer, item));
            marker = element(&answer, "Marker").filter(|_| element(&answer, "IsTruncated").as_deref() == Some("true"));
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    /// The document of a managed policy in its default version; `None` for one that is not there, and so has no effect.
    async fn managed(&self, arn: &str) -> Result<Option<String>, BackendError> {
        let Some(answer) = self.ask("GetPolicy", &[("PolicyArn", arn)]).await? else { return Ok(None) };
        let version = element(&answer, "DefaultVersionId").unwrap_or_else(|| "v1".to_owned());
        let answer = self.ask("GetPolicyVersion", &[("PolicyArn", arn), ("VersionId", &version)]).await?;
        Ok(answer.and_then(|answer| document(&answer, "Document")))
    }
}

fn document(answer: &str, name: &str) -> Option<String> {
    let text = element(answer, name)?;
    Some(if text.trim_start().starts_with('{') { text } else { percent_decode_str(&text).decode_utf8_lossy().into_owned() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kecs_core::ErrorKind;

    use super::*;
    use crate::scripted::{Asked, Scripted, cluster};

    const ROLE: &str = "arn:aws:iam::444455556666:role/apps/web";
    const INLINE: &str = r#"{"Statement":[{"Effect":"Allow","Action":"ecs:*","Resource":"*"}]}"#;
    const ENCODED: &str = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22ecs%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";

    /// The answers' shapes are those of the examples in the IAM API reference.
    fn iam(boundary: &'static str) -> Arc<Scripted> {
        Scripted::new(move |asked: &Asked| {
            let answer = match (asked.form("Action").unwrap(), asked.form("Marker")) {
                ("GetRole", _) => format!("<GetRoleResult><Role><RoleName>web</RoleName>{boundary}</Role></GetRoleResult>"),
                ("ListRolePolicies", None) => "<PolicyNames><member>a</member></PolicyNames><IsTruncated>true</IsTruncated><Marker>m</Marker>".to_owned(),
                ("ListRolePolicies", Some(_)) => "<PolicyNames><member>b</member></PolicyNames><IsTruncated>false</IsTruncated>".to_owned(),
                ("GetRolePolicy", _) if asked.form("PolicyName") == Some("a") => format!("<PolicyDocument>{ENCODED}</PolicyDocument>"),
                ("GetRolePolicy", _) => format!("<PolicyDocument>{}</PolicyDocument>", INLINE.replace('"', "&quot;")),
                ("ListAttachedRolePolicies", _) => "<AttachedPolicies><member><PolicyName>x</PolicyName><PolicyArn>arn:x</PolicyArn></member>\
                    <member><PolicyName>gone</PolicyName><PolicyArn>gone</PolicyArn></member></AttachedPolicies><IsTruncated>false</IsTruncated>".to_owned(),
                ("GetPolicy", _) if asked.form("PolicyArn") == Some("gone") => {
                    return Ok((404, "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>".to_owned()));
                }
                ("GetPolicy", _) => "<Policy><DefaultVersionId>v3</DefaultVersionId></Policy>".to_owned(),
                ("GetPolicyVersion", _) if asked.form("VersionId") == Some("v3") => format!("<PolicyVersion><Document>{ENCODED}</Document></PolicyVersion>"),
                other => panic!("{other:?}"),
            };
            Ok((200, answer))
        })
    }

    #[tokio::test]
    async fn a_role_has_its_own_policies_and_those_that_are_attached() {
        let backend = iam("");
        let policies = AwsRoles::new(backend.backends()).policies(&cluster(), ROLE).await.unwrap();
        assert_eq!(policies, RolePolicies { identity: vec![INLINE.to_owned(); 3], boundary: None });
        assert!(backend.asked().iter().all(|asked| (asked.service.as_str(), asked.account.as_str()) == ("iam", "444455556666")));
    }

    #[tokio::test]
    async fn a_boundary_is_told_also_where_it_is_gone() {
        let bounded =
            |arn| format!("<PermissionsBoundary><PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn></PermissionsBoundary>");
        for (arn, expected) in [("arn:x", INLINE), ("gone", r#"{"Statement":[]}"#)] {
            let backend = iam(bounded(arn).leak());
            let policies = AwsRoles::new(backend.backends()).policies(&cluster(), ROLE).await.unwrap();
            assert_eq!(policies.boundary.as_deref(), Some(expected), "{arn}");
        }
    }

    #[tokio::test]
    async fn a_role_that_is_not_there_is_told_and_not_made() {
        let answer = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no</Message></Error></ErrorResponse>";
        let backend = Scripted::new(|_: &Asked| Ok((404, answer.to_owned())));
        let error = AwsRoles::new(backend.backends()).policies(&cluster(), ROLE).await.unwrap_err();
        assert_eq!((error.kind(), backend.asked().len()), (ErrorKind::NotFound, 1));
    }

    #[tokio::test]
    async fn without_iam_there_are_no_policies() {
        let backend = Scripted::new(|_: &Asked| Ok((501, String::new())));
        assert_eq!(AwsRoles::new(backend.backends()).policies(&cluster(), ROLE).await.unwrap(), RolePolicies::default());
    }
}
