//! The leak hunt: does anything hold a secret, or eight bytes in a row of one, in any encoding? Does it hold what Graph shows of one?
#![allow(dead_code)] // each suite uses a part

use std::collections::BTreeSet;
use std::ops::AddAssign;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// How many bytes in a row are a leak (DESIGN.md, S7).
///
/// The sandbox's secrets have six bytes in common (`8Q~sbx`, after the first three), so each run of eight holds two that are the
/// secret's own at least: no run is excepted, and what holds none of the secret's own bytes cannot be eight long.
pub(crate) const IN_A_ROW: usize = 8;

/// Every secret in a sandbox's state: of credentials, living and removed, and of vault versions, old and disabled ones too.
pub(crate) fn secrets_in(state: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match field.as_str().filter(|_| name == "value") {
                        Some(secret) => drop(found.insert(secret.to_owned())),
                        None => collect(field, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(state, &mut found);
    found
}

/// A secret as one encoding writes it, and where in that each of its bytes begins and ends.
struct Form {
    name: &'static str,
    text: Vec<u8>,
    bytes: Vec<(usize, usize)>,
}

impl Form {
    /// Each byte written by itself.
    fn each(name: &'static str, secret: &[u8], write: impl Fn(u8, &mut Vec<u8>)) -> Form {
        let (mut text, mut bytes) = (Vec::new(), Vec::new());
        for byte in secret {
            let begin = text.len();
            write(*byte, &mut text);
            bytes.push((begin, text.len()));
        }
        Form { name, text, bytes }
    }

    /// The runs of eight bytes, as this form writes them.
    fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.bytes.windows(IN_A_ROW).map(|run| (run[0].0, run[IN_A_ROW - 1].1))
    }
}

/// The ways in which a secret is written.
fn forms(secret: &[u8]) -> Vec<Form> {
    let digits = |upper: bool| if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    let hex = |byte: u8, upper, out: &mut Vec<u8>| {
        out.extend([digits(upper)[usize::from(byte >> 4)], digits(upper)[usize::from(byte & 15)]]);
    };
    let before = |prefix: &'static [u8], upper| {
        move |byte: u8, out: &mut Vec<u8>| {
            out.extend(prefix);
            hex(byte, upper, out);
        }
    };
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    let json = |byte: u8, out: &mut Vec<u8>| {
        let quoted = serde_json::to_string(&char::from(byte)).unwrap();
        out.extend(&quoted.as_bytes()[1..quoted.len() - 1]);
    };
    let form = |byte: u8, out: &mut Vec<u8>| {
        url::form_urlencoded::byte_serialize(&[byte]).for_each(|text| out.extend(text.as_bytes()));
    };
    let mut forms = vec![
        Form::each("raw", secret, |byte, out| out.push(byte)),
        Form::each("reversed", &reversed, |byte, out| out.push(byte)),
        Form::each("JSON", secret, json),
        Form::each("JSON, all escaped", secret, before(b"\\u00", false)),
        Form::each("JSON, all escaped, upper case", secret, before(b"\\u00", true)),
        Form::each("percent, upper case", secret, before(b"%", true)),
        Form::each("percent, lower case", secret, before(b"%", false)),
        Form::each("form", secret, form),
        Form::each("hex, upper case", secret, before(b"", true)),
        Form::each("hex, lower case", secret, before(b"", false)),
        Form::each("UTF-16", secret, |byte, out| out.extend([byte, 0])),
        Form::each("UTF-16, big end first", secret, |byte, out| out.extend([0, byte])),
    ];
    forms.extend((0..3).flat_map(|shift| base64(secret, shift)));
    // what an encoding leaves as it is was said already
    let (raw, others) = forms.split_first_mut().unwrap();
    let raw = raw.text.clone();
    others.iter_mut().filter(|f| f.text == raw).for_each(|f| f.bytes.clear());
    forms
}

/// With so many bytes before it. What stands there is not known, so of each run only the letters count that hold nothing but its
/// bits.
fn base64(secret: &[u8], shift: usize) -> [Form; 2] {
    let shifted: Vec<u8> = std::iter::repeat_n(0, shift).chain(secret.iter().copied()).collect();
    [("base64", STANDARD_NO_PAD), ("base64, URL alphabet", URL_SAFE_NO_PAD)].map(|(name, alphabet)| {
        let text = alphabet.encode(&shifted).into_bytes();
        let bytes = (shift..shifted.len()).map(|n| ((n * 8).div_ceil(6), (n + 1) * 8 / 6)).collect();
        Form { name, text, bytes }
    })
}

/// All that is looked for. The sorted list is by the first eight bytes of each needle.
pub(crate) struct Needles {
    forms: Vec<Form>,
    starts: Vec<([u8; IN_A_ROW], Needle)>,
    /// Whether anything begins with these two bytes: most of what is searched does not.
    begins: Vec<bool>,
    hints: BTreeSet<[u8; 3]>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Needle {
    form: usize,
    from: usize,
    to: usize,
}

impl Needles {
    pub(crate) fn of<'a>(secrets: impl IntoIterator<Item = &'a String> + Clone) -> Needles {
        let hints = secrets.clone().into_iter().filter_map(|s| s.as_bytes().first_chunk().copied()).collect();
        let forms: Vec<Form> = secrets.into_iter().flat_map(|s| forms(s.as_bytes())).collect();
        let mut starts = Vec::new();
        let mut begins = vec![false; 1 << 16];
        for (n, form) in forms.iter().enumerate() {
            for (from, to) in form.runs() {
                let first: [u8; IN_A_ROW] = *form.text[from..to].first_chunk().expect("eight bytes at least");
                begins[usize::from(u16::from_be_bytes([first[0], first[1]]))] = true;
                starts.push((first, Needle { form: n, from, to }));
            }
        }
        starts.sort_unstable();
        Needles { forms, starts, begins, hints }
    }

    /// The first form in which something of a secret stands in `bytes`, and where. Not what: a report is no place for it.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<(&'static str, usize)> {
        bytes.windows(IN_A_ROW).enumerate().find_map(|(at, here)| {
            if !self.begins[usize::from(u16::from_be_bytes([here[0], here[1]]))] {
                return None;
            }
            let first = self.starts.partition_point(|(start, _)| start.as_slice() < here);
            let candidates = self.starts[first..].iter().take_while(|(start, _)| start == here);
            let forms = candidates.map(|(_, n)| (self.forms[n.form].name, &self.forms[n.form].text[n.from..n.to]));
            forms.into_iter().find(|(_, text)| bytes[at..].starts_with(text)).map(|(name, _)| (name, at))
        })
    }

    /// Where a text in quotes is the first three characters of a secret, as Graph's `hint` shows them.
    pub(crate) fn find_hint(&self, bytes: &[u8]) -> Option<usize> {
        bytes.windows(5).position(|text| {
            let (quotes, word) = ([text[0], text[4]], [text[1], text[2], text[3]]);
            quotes == *b"\"\"" && self.hints.contains(&word) && !by_chance(word)
        })
    }

    /// What is wrong with a text, if something is.
    pub(crate) fn judge(&self, what: &str, bytes: &[u8], searched: &mut Searched) -> Option<String> {
        *searched += Searched { texts: 1, bytes: bytes.len() as u64 };
        let found = self.find(bytes).map(|(form, at)| format!("S7: {form} in {what} at byte {at}"));
        found.or_else(|| self.find_hint(bytes).map(|at| format!("S7: a hint in {what} at byte {at}")))
    }
}

/// Whether it stands in quotes in what is searched anyway: a secret that begins so is not told by that.
fn by_chance(word: [u8; 3]) -> bool {
    const WORDS: [&[u8; 3]; 23] = [
        b"add", b"all", b"any", b"end", b"get", b"key", b"kim", b"new", b"now", b"off", b"old", b"own", b"pid", b"put",
        b"run", b"seq", b"set", b"tag", b"url", b"way", b"who", b"why", b"yes",
    ];
    let time = word[..2].iter().all(u8::is_ascii_digit) && word[2].is_ascii_lowercase();
    time || WORDS.contains(&&word)
}

/// How much was searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Searched {
    pub(crate) texts: u64,
    pub(crate) bytes: u64,
}

impl AddAssign for Searched {
    fn add_assign(&mut self, more: Searched) {
        self.texts += more.texts;
        self.bytes += more.bytes;
    }
}

impl Searched {
    pub(crate) fn json(self) -> Value {
        serde_json::json!({ "texts": self.texts, "bytes": self.bytes })
    }
}
