//! The rules of [`AwsServiceBackend`](crate::AwsServiceBackend), one function each.
//!
//! A backend that passes calls on to an endpoint implements [`Harness`] and lets
//! [`aws_service_conformance!`](crate::aws_service_conformance) emit one test per rule; the kit plays the endpoint, byte by byte.
//! A backend with AWS services behind it (LocalStack, moto) implements [`AwsHarness`] and says `aws_service_conformance!(MyHarness, answers)`:
//! the kit then makes calls of several of AWS's protocols.

pub mod cases;
mod harness;
mod kit;
mod upstream;

pub use harness::{AwsHarness, Harness};
pub use upstream::{Peer, Upstream};

/// Emits one `#[tokio::test]` for each rule that an [`AwsServiceBackend`](crate::AwsServiceBackend) must keep.
///
/// Takes a type that implements [`Harness`](crate::testing::aws_service::Harness); with `answers` after it, one that implements
/// [`AwsHarness`](crate::testing::aws_service::AwsHarness) and the name of whose test is printed when its environment is missing. The crate that
/// uses it needs `tokio` with `macros`, `rt` and `time`.
#[macro_export]
macro_rules! aws_service_conformance {
    ($harness:ty) => {
        $crate::aws_service_conformance! { @cases $harness;
            a_call_is_passed_on_as_it_is
            an_answer_is_passed_on_as_it_is
            an_error_of_the_service_is_an_answer
            a_request_streams
            an_answer_streams
            an_answer_may_begin_before_the_request_has_ended
            an_endpoint_that_does_not_read_holds_the_caller_back
            dropping_a_call_ends_it
            dropping_an_answer_ends_the_call
            calls_do_not_wait_for_each_other
            a_request_that_fails_never_looks_whole
            an_answer_that_breaks_off_is_an_error_of_its_body
            an_endpoint_that_is_not_there_is_unavailable
            an_endpoint_that_closes_is_unavailable_and_the_call_is_not_repeated
            health_tells_whether_the_endpoint_is_there
        }
    };
    ($harness:ty, answers) => {
        $crate::aws_service_conformance! { @aws_cases $harness;
            an_object_comes_back_as_it_was_put
            an_empty_object_is_an_object
            a_parameter_comes_back_as_it_was_put
            the_caller_is_who_the_credential_says
            what_is_not_there_is_an_answer_in_the_services_words
            it_is_healthy_and_serves_what_it_answers
        }
    };
    (@cases $harness:ty; $($case:ident)+) => {
        $(
            #[::tokio::test]
            async fn $case() {
                $crate::testing::aws_service::cases::forward::$case::<$harness>().await;
            }
        )+
    };
    (@aws_cases $harness:ty; $($case:ident)+) => {
        $(
            #[::tokio::test]
            async fn $case() {
                if let Some(harness) = <$harness as $crate::testing::aws_service::AwsHarness>::start(stringify!($case)).await {
                    $crate::testing::aws_service::cases::answers::$case(&harness).await;
                }
            }
        )+
    };
}
