//! stub
use crate::run::Run;
/// stub
pub fn markdown(_: &Run) -> String {
    String::new()
}
/// stub
pub fn json(_: &Run) -> String {
    String::new()
}
