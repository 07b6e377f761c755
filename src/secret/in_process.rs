//! The value and the sandbox in process.
