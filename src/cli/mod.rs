//! The command line.

pub mod logging;
pub mod progress;
pub mod terminal;
