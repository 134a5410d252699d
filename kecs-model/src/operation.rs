//! The form of a service's table of operations.

/// Defines a service's `Operation`: `Name in "group" [errors];`, with `paginated` before the errors where it applies.
/// In alphabetical order of the names.
macro_rules! operations {
    ($($name:ident in $group:literal $($paginated:ident)? [$($error:ident)*];)+) => {
        /// An operation of the service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $(
                #[doc = concat!("`", stringify!($name), "`, of the group ", $group)]
                $name,
            )+
        }

        impl Operation {
            /// Every operation, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                self.info().name
            }

            /// The operation of this name, which is case-sensitive.
            pub fn from_name(name: &str) -> Option<Self> {
                let at = Self::ALL.binary_search_by(|operation| operation.name().cmp(name)).ok()?;
                Some(Self::ALL[at])
            }

            /// What the operation is about, in the words of the documentation's table of operations.
            pub fn group(self) -> &'static str {
                self.info().group
            }

            /// Whether SDKs have a paginator for it.
            pub fn has_pagination(self) -> bool {
                self.info().paginated
            }

            /// The errors that the model lists for it. Front ends add their own.
            pub fn errors(self) -> &'static [crate::ErrorCode] {
                self.info().errors
            }

            fn info(self) -> &'static crate::operation::Info {
                static TABLE: &[crate::operation::Info] = &[$(
                    crate::operation::Info {
                        name: stringify!($name),
                        group: $group,
                        paginated: !stringify!($($paginated)?).is_empty(),
                        errors: &[$(crate::ErrorCode::$error),*],
                    },
                )+];
                &TABLE[self as usize]
            }
        }

        impl std::fmt::Display for Operation {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use operations;

/// What the model says about an operation.
pub(crate) struct Info {
    pub(crate) name: &'static str,
    pub(crate) group: &'static str,
    pub(crate) paginated: bool,
    pub(crate) errors: &'static [crate::ErrorCode],
}
