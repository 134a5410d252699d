//! The `kecs` command.

fn main() {}
