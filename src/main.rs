//! keyrelay: parse, call, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyrelay::cli::main()
}
