//! The rules. Each is written above its function, in the words of the trait's contract.

mod containers;
mod execs;
mod logs;
mod releases;
mod restarts;
mod starts;
mod stops;
mod watches;

pub use containers::*;
pub use execs::*;
pub use logs::*;
pub use releases::*;
pub use restarts::*;
pub use starts::*;
pub use stops::*;
pub use watches::*;
