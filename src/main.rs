//! keyrelay: parse, call, exit code.

fn main() {}
