//! stub
pub(super) fn start(_: super::LogFormat) {}
