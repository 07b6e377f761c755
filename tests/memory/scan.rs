//! Reads another process's memory through `/proc/PID/mem` and looks for secrets in it, in the forms in which programs hold text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What a page is on every machine that runs these tests; of larger ones it is a part.
const PAGE: usize = 4096;

/// How much is read at once.
const CHUNK: usize = 1 << 20;

/// What is looked for: the bytes, and what they are.
#[derive(Default)]
pub(crate) struct Needles(BTreeMap<Vec<u8>, String>);

/// What was found: of what, and in which map of the process.
pub(crate) type Finds = BTreeMap<(String, String), usize>;

impl Needles {
    /// The whole text and its last twenty characters, in all forms.
    pub(crate) fn add(&mut self, name: &str, text: &str) {
        let tail: String = text.chars().skip(text.chars().count().saturating_sub(20)).collect();
        for (part, text) in [("whole", text), ("tail", tail.as_str())] {
            for (form, bytes) in forms(text) {
                self.0.entry(bytes).or_insert_with(|| format!("{name}, {part}, {form}"));
            }
        }
    }

    /// Any eight bytes in a row of the text, as they are, unless one of `others` has them too: the sandbox's secrets have six bytes
    /// in common.
    pub(crate) fn add_fragments<'a>(&mut self, name: &str, text: &str, others: impl IntoIterator<Item = &'a String>) {
        let others: Vec<&String> = others.into_iter().filter(|other| *other != text).collect();
        for part in text.as_bytes().windows(8) {
            if !others.iter().any(|other| other.as_bytes().windows(8).any(|theirs| theirs == part)) {
                self.0.entry(part.to_vec()).or_insert_with(|| format!("{name}, eight bytes in a row"));
            }
        }
    }

    /// Looks through all of the process's memory that it can itself read.
    pub(crate) fn find_in(&self, pid: u32) -> io::Result<Finds> {
        let memory = File::open(format!("/proc/{pid}/mem"))?;
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
        let starts: BTreeSet<[u8; 2]> = self.0.keys().map(|needle| [needle[0], needle[1]]).collect();
        let mut might = vec![false; 1 << 16];
        starts.into_iter().for_each(|start| might[usize::from(u16::from_ne_bytes(start))] = true);
        let longest = self.0.keys().map(Vec::len).max().unwrap_or_default();
        let mut finds = Finds::new();
        for map in maps.lines() {
            let mut words = map.split_ascii_whitespace();
            let (range, rights) = (words.next().unwrap(), words.next().unwrap());
            let place = words.nth(3).unwrap_or("anonymous");
            // pages of the kernel's, which hold the time and cannot be read from outside
            if !rights.starts_with('r') || place.starts_with("[vvar") || place == "[vsyscall]" {
                continue;
            }
            let (start, end) = range.split_once('-').unwrap();
            let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
            let bytes = read(&memory, start, end);
            for at in 0..bytes.len().saturating_sub(1) {
                if !might[usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]))] {
                    continue;
                }
                let here = &bytes[at..bytes.len().min(at + longest)];
                for (_, name) in self.0.iter().filter(|(needle, _)| here.starts_with(needle)) {
                    *finds.entry((name.clone(), place.to_owned())).or_default() += 1;
                }
            }
        }
        Ok(finds)
    }
}

/// A map's bytes. What cannot be read of it (a file that is shorter than its map) is zeroes.
fn read(memory: &File, start: u64, end: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
    let mut address = start;
    for chunk in bytes.chunks_mut(CHUNK) {
        if memory.read_exact_at(chunk, address).is_err() {
            for (page, address) in chunk.chunks_mut(PAGE).zip((address..).step_by(PAGE)) {
                let _ = memory.read_exact_at(page, address);
            }
        }
        address += chunk.len() as u64;
    }
    bytes
}

fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let json = serde_json::to_string(text).unwrap();
    let hex = |form: fn(u8) -> String| text.bytes().map(form).collect::<String>().into_bytes();
    let mut forms = vec![
        ("as it is", text.as_bytes().to_vec()),
        ("JSON", json.as_bytes()[1..json.len() - 1].to_vec()),
        ("JSON, all escaped", text.encode_utf16().flat_map(|unit| format!("\\u{unit:04x}").into_bytes()).collect()),
        ("form", url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().into_bytes()),
        ("percent", hex(|b| format!("%{b:02X}"))),
        ("hex", hex(|b| format!("{b:02x}"))),
        ("hex, upper case", hex(|b| format!("{b:02X}"))),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16, big end first", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("UTF-32", text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("reversed", text.bytes().rev().collect()),
    ];
    for before in 0..3 {
        // only the letters that hold nothing but bits of the text: what stands before and after it is not known
        let shifted: Vec<u8> = std::iter::repeat_n(0, before).chain(text.bytes()).collect();
        let (first, end) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        forms.push(("base64", STANDARD_NO_PAD.encode(&shifted).as_bytes()[first..end].to_vec()));
        forms.push(("base64, URL alphabet", URL_SAFE_NO_PAD.encode(&shifted).as_bytes()[first..end].to_vec()));
    }
    forms
}

/// How often something of this name was found, wherever that was.
pub(crate) fn count(finds: &Finds, name: &str) -> usize {
    finds.iter().filter(|((what, _), _)| what.starts_with(name)).map(|(_, times)| times).sum()
}
