//! Which members AWS's model requires of an input.

/// Gives structures `missing_required`.
macro_rules! required_members {
    ($($shape:ident { $($member:ident: $wire:literal),+ })*) => {$(
        impl $shape {
            /// The wire name of the first member that the model requires and that is absent. Nothing inside members is
            /// looked at.
            pub fn missing_required(&self) -> Option<&'static str> {
                $(
                    if self.$member.is_none() {
                        return Some($wire);
                    }
                )+
                None
            }
        }
    )*};
}
pub(crate) use required_members;
