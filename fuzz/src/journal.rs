//! Journals: a line, and a whole file.

use keyrelay::journal::record::{self, RecordHash};
use keyrelay::run::{Record, Run};

/// The content of one record, sealed with the right hash: what is understood is written again as it was read.
pub fn line(bytes: &[u8]) {
    let Ok(record) = serde_json::from_slice::<Record>(bytes) else { return };
    let at = Some(jiff::Timestamp::UNIX_EPOCH);
    // a text that is longer than the journal's reader takes is refused, not written
    let Ok((line, _)) = record::encode(0, at, jiff::Timestamp::UNIX_EPOCH, &record, RecordHash::NONE) else { return };
    let read = record::parse::<Record>(&line).unwrap();
    assert_eq!(read.records[0].event, record);
    let _ = Run::replay(read.records);
}

/// A whole file. Its lines are sealed first: a fuzzer does not guess hashes.
pub fn whole(bytes: &[u8]) {
    as_it_is(bytes);
    as_it_is(&sealed(bytes));
}

/// Parsed, replayed and written again: the same bytes, but for a torn tail.
fn as_it_is(bytes: &[u8]) {
    let Ok(contents) = record::parse::<Record>(bytes) else { return };
    let (mut again, mut head) = (Vec::new(), RecordHash::NONE);
    for r in &contents.records {
        let (line, hash) = record::encode_in(r.world.as_deref(), r.seq, r.at, r.local, &r.event, head).unwrap();
        again.extend(line);
        head = hash;
    }
    let reread = record::parse::<Record>(&again).unwrap();
    assert_eq!(reread.records.len(), contents.records.len());
    assert!(reread.records.iter().zip(&contents.records).all(|(a, b)| a.event == b.event && a.at == b.at));
    if is_ours(bytes, &contents.records) {
        assert_eq!(again, bytes[..usize::try_from(contents.whole_bytes).unwrap()], "written again as other bytes");
        assert_eq!(head, contents.head);
    }
    if let Ok(run) = Run::replay(contents.records) {
        let now = run.last_at().unwrap();
        let _ = run.rotation.next(now);
        let _ = run.rotation.step();
        let _ = keyrelay::evidence::Report::of(&run);
    }
}

/// Whether keyrelay would have written these records so: other programs may write the same JSON with other bytes.
fn is_ours(bytes: &[u8], records: &[keyrelay::run::Numbered]) -> bool {
    let lines = bytes.split_inclusive(|b| *b == b'\n');
    lines.zip(records).all(|(line, r)| {
        let event = serde_json::to_vec(&r.event).unwrap();
        line.windows(event.len()).any(|w| w == event)
    })
}

/// The same lines with places, chain and hashes as they should be.
pub fn sealed(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut head) = (Vec::new(), RecordHash::NONE);
    for (seq, line) in (0..).zip(bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty())) {
        let Ok(line) = serde_json::from_slice::<serde_json::Value>(line) else { break };
        let time = |name: &str| line.get(name).and_then(|t| t.as_str()?.parse::<jiff::Timestamp>().ok());
        let Ok(record) = serde_json::from_value::<Record>(line["event"].clone()) else { break };
        let Ok((line, hash)) = record::encode(seq, time("at"), time("local").unwrap_or_default(), &record, head) else {
            break;
        };
        out.extend(line);
        head = hash;
    }
    out
}
