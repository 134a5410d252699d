//! A service's operations as a trait.

/// Defines the trait: `Name, "service", "reference"; method(Input) -> Output = Operation; …`.
macro_rules! api_trait {
    ($api:ident, $service:literal, $reference:literal; $($method:ident($input:ident) -> $output:ident = $operation:ident;)+) => {
        #[doc = concat!($service, ": one method per operation.")]
        ///
        /// A method that an implementation leaves out answers that KECS does not serve the operation, see
        /// [`ApiError::not_served`](crate::ApiError::not_served). Inputs arrive as decoded, with required members unchecked: the words with which AWS
        /// refuses a missing one differ by operation. `missing_required` of an input names the first one.
        #[async_trait::async_trait]
        #[allow(unused_variables, reason = "what is not served looks at nothing")]
        pub trait $api: std::fmt::Debug + Send + Sync + 'static {
            $(
                #[doc = concat!("[", stringify!($operation), "](", $reference, "API_", stringify!($operation), ".html)")]
                async fn $method(&self, ctx: &crate::RequestContext, input: $input) -> Result<$output, crate::ApiError> {
                    let operation = Operation::$operation;
                    Err(crate::ApiError::not_served(operation.name(), operation.errors()))
                }
            )+
        }
    };
}

pub(crate) use api_trait;
