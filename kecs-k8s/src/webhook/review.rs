//! What the API server asks and is answered: `AdmissionReview` of admission.k8s.io/v1, as far as it is needed.

use k8s_openapi::ByteString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::inject::{Injection, Verdict};

/// A question.
#[derive(Deserialize)]
struct Review {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    /// Which question it is; the answer has to repeat it.
    uid: String,
    /// What is to be created.
    #[serde(default)]
    object: Value,
}

/// The answer to a question; `None` where it is none, so that it cannot be said to which one an answer would be.
pub(crate) fn answer(injection: &Injection, question: &[u8]) -> Option<Vec<u8>> {
    let Review { request } = serde_json::from_slice(question).ok()?;
    let mut response = json!({"uid": request.uid, "allowed": true});
    match injection.verdict(&request.object) {
        Verdict::Untouched => {}
        Verdict::Patched(operations) => {
            let patch = serde_json::to_vec(&operations).expect("plain data has a JSON form");
            response["patchType"] = json!("JSONPatch");
            // Serialized as base64, which is what is asked for.
            response["patch"] = json!(ByteString(patch));
        }
        Verdict::Warned(warning) => response["warnings"] = json!([warning]),
    }
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    Some(serde_json::to_vec(&review).expect("plain data has a JSON form"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sidecar;

    fn asked(question: &Value) -> Option<Value> {
        let injection = Injection { sidecar: Sidecar::new("sidecar:1", "http://kecs:5373"), region: "us-east-1".to_owned() };
        let answer = answer(&injection, question.to_string().as_bytes())?;
        Some(serde_json::from_slice(&answer).expect("an answer is JSON"))
    }

    fn question(object: &Value) -> Value {
        json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": "CREATE", "dryRun": true, "object": object},
        })
    }

    fn pod() -> Value {
        json!({
            "metadata": {"annotations": {"kecs.io/inject-aws-proxy": "true"}},
            "spec": {"containers": [{"name": "app", "image": "busybox"}]},
        })
    }

    // "Response" in "Dynamic Admission Control" of Kubernetes' documentation.
    #[test]
    fn an_answer_repeats_the_questions_uid_and_has_the_patch_in_base64() {
        let answer = asked(&question(&pod())).unwrap();
        assert_eq!((&answer["apiVersion"], &answer["kind"]), (&json!("admission.k8s.io/v1"), &json!("AdmissionReview")));
        let response = &answer["response"];
        assert_eq!(response["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
        assert_eq!((&response["allowed"], &response["patchType"]), (&json!(true), &json!("JSONPatch")));
        let ByteString(patch) = serde_json::from_value(response["patch"].clone()).unwrap();
        let patch: Vec<Value> = serde_json::from_slice(&patch).unwrap();
        assert_eq!(patch[0]["path"], "/spec/initContainers");
    }

    #[test]
    fn a_pod_that_does_not_ask_is_allowed_without_a_patch() {
        let mut plain = pod();
        plain["metadata"] = json!({});
        let answer = asked(&question(&plain)).unwrap();
        assert_eq!((&answer["response"]["allowed"], answer["response"].get("patch")), (&json!(true), None));
    }

    #[test]
    fn a_pod_that_cannot_be_read_is_allowed_with_a_warning() {
        let mut strange = pod();
        strange["spec"]["containers"] = json!("none");
        let answer = asked(&question(&strange)).unwrap();
        assert_eq!((&answer["response"]["allowed"], answer["response"].get("patch")), (&json!(true), None));
        assert!(answer["response"]["warnings"][0].as_str().is_some_and(|text| text.contains("was not injected")));
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        assert_eq!(asked(&json!({"kind": "AdmissionReview"})), None);
        assert_eq!(asked(&json!([])), None);
    }
}
