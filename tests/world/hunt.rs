//! The leak hunt in a world: nothing that a run leaves there holds anything of a secret (S7).

use keyrelay::evidence::Report;
use keyrelay::run::Run;

use super::World;
use super::leaks::{Needles, Searched, secrets_in};

impl World {
    /// What this world keeps secret, to look for.
    pub(crate) fn needles(&self) -> Needles {
        let cloud = serde_json::to_value(&*self.cloud.borrow()).unwrap();
        Needles::of(&secrets_in(&cloud))
    }

    /// The run as its journal tells it now.
    pub(crate) fn on_disk(&self) -> Run {
        self.written_down();
        self.disk.replay(&self.plan.run)
    }

    /// Where something of a secret is: in the journal as its bytes lie there, in what the run is, or in the report that is made of it.
    pub(crate) fn leaks(&self, run: &Run) -> Vec<String> {
        let needles = self.needles();
        let report = Report::of(run);
        let texts = [
            ("the journal", self.disk.bytes(&self.plan.run)),
            ("the rotation as text", format!("{:?}", run.rotation).into_bytes()),
            ("the report", report.to_markdown().into_bytes()),
            ("the report's JSON", report.to_json().into_bytes()),
        ];
        let mut searched = Searched::default();
        let found = texts.iter().filter_map(|(what, text)| needles.judge(what, text, &mut searched)).collect();
        self.reached.borrow_mut().searched += searched;
        found
    }

    /// In a debug build one run in eight is searched: it takes longer than the run.
    pub(super) fn nothing_leaked(&self, run: &Run) {
        if cfg!(debug_assertions) && !self.requests.get().is_multiple_of(8) {
            return;
        }
        let found = self.leaks(run);
        assert!(found.is_empty(), "{found:#?}\nscene {:?}", self.scene);
    }
}
