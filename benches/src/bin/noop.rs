//! Nothing: what a process costs that does nothing.

fn main() {}
