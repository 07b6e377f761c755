//! What keeps the memory of this process from others: no core file, and no other process of the same user may look inside.
//!
//! Together with the binary's allocator, which wipes all that is freed, and with connections that are closed after each request
//! that carries the value, this bounds where the value can be found: in the memory of this process, while it has to be held, by
//! root. Swap and hibernation are outside; so is what the kernel holds of a socket.
//!
//! On Linux both measures hold. On other Unixes there is no core file; on Windows there is neither.

use std::fmt;
use std::io;

/// A measure that could not be taken. The work goes on without it: a rotation is worth more.
#[derive(Debug)]
pub struct Unprotected {
    measure: &'static str,
    error: io::Error,
}

impl fmt::Display for Unprotected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unprotected { measure, error } = self;
        write!(f, "{measure} ({error}); other processes of this user may be able to read what this one holds in memory")
    }
}

/// Takes the measures, and returns those that could not be taken, for the log. To be called before anything else, while there is
/// one thread and no secret.
pub fn protect() -> Vec<Unprotected> {
    [no_core_file(), not_dumpable()].into_iter().filter_map(Result::err).collect()
}

/// Only the soft limit: children inherit it, and one that wants core files may have them.
#[cfg(unix)]
fn no_core_file() -> Result<(), Unprotected> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let none = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
    let failed = |e: rustix::io::Errno| Unprotected { measure: "core files could not be switched off", error: e.into() };
    setrlimit(Resource::Core, none).map_err(failed)
}

#[cfg(not(unix))]
fn no_core_file() -> Result<(), Unprotected> {
    Ok(())
}

/// Closes `/proc/PID/mem`, `environ` and debuggers to the same user (prctl(2), `PR_SET_DUMPABLE`). The limit on core files does
/// not reach a core that the kernel pipes to a program (core(5)); this does.
#[cfg(all(target_os = "linux", not(feature = "memory-scan-test")))]
fn not_dumpable() -> Result<(), Unprotected> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    let failed = |e: rustix::io::Errno| Unprotected { measure: "the process stays dumpable", error: e.into() };
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)
}

#[cfg(not(all(target_os = "linux", not(feature = "memory-scan-test"))))]
fn not_dumpable() -> Result<(), Unprotected> {
    Ok(())
}

/// Whether this is a build whose memory is left open to a test, which no real secret may enter.
pub fn is_open_for_a_test() -> bool {
    cfg!(feature = "memory-scan-test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_measures_can_be_taken_and_repeated() {
        use rustix::process::{Resource, getrlimit};
        let before = getrlimit(Resource::Core).maximum;
        for _ in 0..2 {
            assert!(protect().is_empty());
            let limit = getrlimit(Resource::Core);
            assert_eq!((limit.current, limit.maximum), (Some(0), before));
        }
        #[cfg(all(target_os = "linux", not(feature = "memory-scan-test")))]
        {
            use rustix::process::{DumpableBehavior, dumpable_behavior};
            assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        }
    }

    #[test]
    fn a_measure_that_failed_says_what_it_means() {
        let failed = Unprotected { measure: "the process stays dumpable", error: io::ErrorKind::PermissionDenied.into() };
        let expected = "the process stays dumpable (permission denied); other processes of this user may be able to read what \
                        this one holds in memory";
        assert_eq!(failed.to_string(), expected);
    }
}
