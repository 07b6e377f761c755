//! The format of a journal: one JSON object a line, each chained to the one before.
//!
//! ```text
//! {"v":1,"seq":0,"at":<service time or null>,"local":<local time>,"event":{...},"prev":"<64 hex>","hash":"<64 hex>"}
//! ```
//!
//! `hash` is the last member: the SHA-256 of the line's bytes before `,"hash":"`. `prev` is the hash of the line before, 64
//! zeros in the first line. `seq` counts from 0 without a gap. What is checked is the bytes as they lie on disk, so nothing
//! depends on how another program would write the same JSON. The chain shows damage, not forgery: who can write the file can
//! write another chain, unless its head is kept elsewhere.
//!
//! A line without a newline at the end of the file is torn: its write was cut, so nothing has followed from it, and it is
//! dropped. Anything else that does not fit is damage, and damage is refused.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The format that is written, and the newest that is read.
pub const FORMAT: u64 = 1;

/// What comes between the hashed bytes and the hash, and after the hash.
const BEFORE_HASH: &[u8] = b",\"hash\":\"";
const AFTER_HASH: &[u8] = b"\"}";

/// The hash of a record: the SHA-256 of its line. The hash of the last record stands for the whole journal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordHash([u8; 32]);

impl RecordHash {
    /// What the first record names as the one before it.
    pub const NONE: RecordHash = RecordHash([0; 32]);

    fn of(bytes: &[u8]) -> RecordHash {
        RecordHash(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for RecordHash {
    type Err = &'static str;

    /// 64 lower-case hexadecimal digits; one text for each hash, so that a changed letter is seen.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "not a hash (64 hexadecimal digits in lower case)";
        let digit = |b: &u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let (pairs, rest) = s.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some((digit(high)? << 4) + digit(low)?)).collect();
        let bytes = bytes.ok_or(FORM)?;
        let bytes = bytes.try_into().map_err(|_| FORM)?;
        if rest.is_empty() { Ok(RecordHash(bytes)) } else { Err(FORM) }
    }
}

impl TryFrom<String> for RecordHash {
    type Error = &'static str;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<RecordHash> for String {
    fn from(hash: RecordHash) -> String {
        hash.to_string()
    }
}

/// One record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<E> {
    /// Its place in the journal, from 0.
    pub seq: u64,
    /// Service time, where it was known.
    pub at: Option<Timestamp>,
    /// The machine's own clock, for people; nothing is decided by it.
    pub local: Timestamp,
    /// The world that it speaks of, such as `sandbox`; none for the real one. The same in all records of a journal.
    pub world: Option<String>,
    /// What happened.
    pub event: E,
    /// Its hash.
    pub hash: RecordHash,
}

/// What a journal's bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents<E> {
    /// The records, at least one.
    pub records: Vec<Record<E>>,
    /// The hash of the last one.
    pub head: RecordHash,
    /// How many bytes the whole records take up.
    pub whole_bytes: u64,
    /// How many bytes follow them: a line whose write was cut.
    pub torn_bytes: u64,
}

/// Why the bytes are not a journal that can be used. Lines count from 1, as editors do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A newer keyrelay wrote it.
    #[error("line {line} is in format {version}, and this keyrelay reads formats up to {FORMAT}")]
    NewerFormat {
        /// The line.
        line: u64,
        /// Its format.
        version: u64,
    },
    /// The first line is not ours.
    #[error("it does not begin as a journal does")]
    Foreign,
    /// A record was changed, lost or moved.
    #[error("line {line}: {what}")]
    Damaged {
        /// The line.
        line: u64,
        /// What is wrong with it.
        what: Damage,
    },
    /// There is no whole record: the run ended before its first was written, so it has done nothing.
    #[error("it holds no whole record")]
    NeverBegan {
        /// How many bytes there are.
        torn_bytes: u64,
    },
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The line does not begin with a format version.
    #[error("it does not begin as a record does")]
    NoVersion,
    /// The version is one that never was.
    #[error("there is no format {0}")]
    UnknownFormat(u64),
    /// The line does not end with its hash.
    #[error("it does not end with its hash: it was cut or changed")]
    NoHash,
    /// A whole record is followed by something else than a newline.
    #[error("the newline after the record was changed")]
    NoNewline,
    /// The bytes are not those that were written.
    #[error("its hash does not match: it was changed")]
    Hash,
    /// Intact, but not a record that this version understands.
    #[error("it is intact, but this keyrelay does not understand it ({0})")]
    Content(String),
    /// It does not follow the line before.
    #[error("it does not follow the record before it: records were lost, doubled or moved")]
    Chain,
    /// It speaks of another world than the first record: a sandbox's record in the journal of a real run, or the reverse.
    #[error("it is of another world than the first record (sandbox or real)")]
    World,
    /// Its number is wrong.
    #[error("it is record {found} where {expected} was expected: records were lost, doubled or moved")]
    Seq {
        /// The number that should be there.
        expected: u64,
        /// The number that is.
        found: u64,
    },
}

/// A line as JSON has it. `hash` is absent while the line is being made.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<E> {
    v: u64,
    seq: u64,
    at: Option<Timestamp>,
    local: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    world: Option<String>,
    event: E,
    prev: RecordHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<RecordHash>,
}

/// The same as [`encode_in`], of the real world.
///
/// # Errors
/// As [`encode_in`].
pub fn encode<E: Serialize + DeserializeOwned>(
    seq: u64,
    at: Option<Timestamp>,
    local: Timestamp,
    event: &E,
    prev: RecordHash,
) -> Result<(Vec<u8>, RecordHash), Damage> {
    encode_in(None, seq, at, local, event, prev)
}

/// The line, newline included, of record `seq` that follows the record with the hash `prev`; and its hash.
///
/// # Errors
/// If the event cannot be written as JSON, or what was written could not be read back: a run whose journal cannot be read could
/// never be resumed.
pub fn encode_in<E: Serialize + DeserializeOwned>(
    world: Option<&str>,
    seq: u64,
    at: Option<Timestamp>,
    local: Timestamp,
    event: &E,
    prev: RecordHash,
) -> Result<(Vec<u8>, RecordHash), Damage> {
    let world = world.map(str::to_owned);
    let content = |e: serde_json::Error| Damage::Content(e.to_string());
    let mut line =
        serde_json::to_vec(&Line { v: FORMAT, seq, at, local, world, event, prev, hash: None }).map_err(content)?;
    line.pop(); // the closing brace, put back after the hash
    let hash = RecordHash::of(&line);
    line.extend_from_slice(BEFORE_HASH);
    line.extend_from_slice(hash.to_string().as_bytes());
    line.extend_from_slice(AFTER_HASH);
    decode::<E>(&line, seq, prev)?;
    line.push(b'\n');
    Ok((line, hash))
}

/// Reads a whole journal.
///
/// # Errors
/// If a line is not what was written, or there is no whole line.
pub fn parse<E: DeserializeOwned>(bytes: &[u8]) -> Result<Contents<E>, Unreadable> {
    let mut contents = Contents { records: Vec::new(), head: RecordHash::NONE, whole_bytes: 0, torn_bytes: 0 };
    for (seq, piece) in (0..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
        let line = seq + 1;
        let Some(whole) = piece.strip_suffix(b"\n") else {
            // The beginning of a line is a torn write; a whole line and one more byte was never written by anybody.
            if piece.split_last().is_some_and(|(_, before)| split_hash(before).is_some_and(|(_, intact)| intact)) {
                return Err(Unreadable::Damaged { line, what: Damage::NoNewline });
            }
            contents.torn_bytes = piece.len() as u64;
            break;
        };
        match version(whole) {
            None if seq == 0 => return Err(Unreadable::Foreign),
            None => return Err(Unreadable::Damaged { line, what: Damage::NoVersion }),
            Some(version) if version > FORMAT => return Err(Unreadable::NewerFormat { line, version }),
            Some(version) if version < FORMAT => {
                return Err(Unreadable::Damaged { line, what: Damage::UnknownFormat(version) });
            }
            Some(_) => {}
        }
        let record: Record<E> = decode(whole, seq, contents.head).map_err(|what| Unreadable::Damaged { line, what })?;
        if contents.records.first().is_some_and(|first| first.world != record.world) {
            return Err(Unreadable::Damaged { line, what: Damage::World });
        }
        contents.head = record.hash;
        contents.whole_bytes += piece.len() as u64;
        contents.records.push(record);
    }
    if !contents.records.is_empty() {
        Ok(contents)
    } else if may_be_a_torn_start(bytes) {
        Err(Unreadable::NeverBegan { torn_bytes: contents.torn_bytes })
    } else {
        Err(Unreadable::Foreign)
    }
}

/// Whether bytes without a newline can be what is left of a journal's first line. After a power cut a file may have its length
/// and not yet its content, which then reads as zeros.
fn may_be_a_torn_start(bytes: &[u8]) -> bool {
    const START: &[u8] = b"{\"v\":";
    bytes.starts_with(START) || START.starts_with(bytes) || bytes.iter().all(|b| *b == 0)
}

/// The format version that begins a line. Read before anything else: a newer format may change all but this.
fn version(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"{\"v\":")?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at_checked(digits)?;
    if digits.is_empty() || !matches!(rest.first(), Some(b',' | b'}')) {
        return None;
    }
    // A number too large for us is newer than anything that we read.
    Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
}

/// The hash that ends a line, and whether it is that of the bytes before it. None if the line does not end with one.
fn split_hash(line: &[u8]) -> Option<(RecordHash, bool)> {
    let (rest, digits) = line.strip_suffix(AFTER_HASH)?.split_last_chunk::<64>()?;
    let hash = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let hashed = rest.strip_suffix(BEFORE_HASH)?;
    Some((hash, RecordHash::of(hashed) == hash))
}

/// Reads one line, without its newline, that must be record `seq` after the record with the hash `prev`.
fn decode<E: DeserializeOwned>(line: &[u8], seq: u64, prev: RecordHash) -> Result<Record<E>, Damage> {
    let (hash, intact) = split_hash(line).ok_or(Damage::NoHash)?;
    if !intact {
        return Err(Damage::Hash);
    }
    // From here on the bytes are those that keyrelay wrote, so the parser's words about them can be shown.
    let parsed: Line<E> = serde_json::from_slice(line).map_err(|e| Damage::Content(e.to_string()))?;
    if parsed.prev != prev {
        return Err(Damage::Chain);
    }
    if parsed.seq != seq {
        return Err(Damage::Seq { expected: seq, found: parsed.seq });
    }
    Ok(Record { seq, at: parsed.at, local: parsed.local, world: parsed.world, event: parsed.event, hash })
}
