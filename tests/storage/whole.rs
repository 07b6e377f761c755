//! The journal of a whole run, as its bytes lie on disk.

use keyrelay::driver::Stopped;
use keyrelay::journal::record::{self, RecordHash};
use keyrelay::rotation::End;
use keyrelay::run::{Numbered, Record, Run};

use crate::evidence_support::{kill_at, never, run};
use crate::world::{Scene, World};

pub(crate) use crate::reliability::thorough;

/// Two vaults and a consumer; killed while a write was under way, resumed, completed: with all that a journal can hold, and long.
pub(crate) fn long() -> Run {
    let world = World::new(Scene { vaults: 2, consumers: true, ..Scene::default() });
    assert!(world.process(false, false, kill_at("after-request:write-vault", 2)).is_err());
    assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::Completed));
    run(&world)
}

/// The lines of a run's journal.
pub(crate) fn lines(run: &Run) -> Vec<Vec<u8>> {
    chained(run.records.iter())
}

/// Records in the order given, numbered and chained as a journal's are.
pub(crate) fn chained<'a>(records: impl Iterator<Item = &'a Numbered>) -> Vec<Vec<u8>> {
    let mut head = RecordHash::NONE;
    let line = |(seq, r): (u64, &Numbered)| {
        let (line, hash) = record::encode::<Record>(seq, r.at, r.local, &r.event, head).unwrap();
        head = hash;
        line
    };
    (0..).zip(records).map(line).collect()
}
