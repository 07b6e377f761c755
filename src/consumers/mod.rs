//! stub
use crate::ports::*;
/// stub
pub struct RunbookConsumers;
impl RunbookConsumers {
    /// stub
    pub fn new(_: &crate::runbook::Runbook) -> Self {
        RunbookConsumers
    }
}
impl Consumers for RunbookConsumers {
    async fn refresh(&self, _: usize, _: &Told) -> ConsumerAnswer {
        ConsumerAnswer { ok: true, adopted: false, note: String::new() }
    }
    async fn check(&self, _: usize, _: &Told) -> ConsumerAnswer {
        ConsumerAnswer { ok: true, adopted: false, note: String::new() }
    }
}
