//! keyrelay: protect this process, parse, call, exit code.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Wipes all that is freed: the libraries between us and the network copy the value, and wipe nothing of it themselves.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let unprotected = keyrelay::hardening::protect();
    keyrelay::cli::main(&unprotected)
}
