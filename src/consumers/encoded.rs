//! A secret of Entra under base64 or hexadecimal digits: undone, and looked for.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, NO_PAD);

/// Whether the word, wherever the encoding begins in it, stands for something that holds a secret of Entra.
pub(super) fn holds_a_secret_of_entra(word: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let in_base64 = word.split(|c| !base64(c)).any(|run| {
        let run = run.replace('-', "+").replace('_', "/");
        begun_anywhere(&run, 4).any(|digits| LENIENT.decode(digits).is_ok_and(|bytes| is_of_entra(&bytes)))
    });
    in_base64
        || word.split(|c: char| !c.is_ascii_hexdigit()).any(|run| begun_anywhere(run, 2).any(|d| is_of_entra(&from_hex(d))))
}

/// Whether there is a digit and `Q~` in it, by which Entra's secrets are known.
pub(super) fn is_of_entra(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|w| matches!(w, [b'0'..=b'9', b'Q', b'~']))
}

/// Whole groups of so many digits, for each place where the first may begin.
fn begun_anywhere(run: &str, group: usize) -> impl Iterator<Item = &str> {
    (0..group).filter_map(move |start| {
        let rest = run.get(start..)?;
        rest.get(..rest.len() / group * group)
    })
}

fn from_hex(digits: &str) -> Vec<u8> {
    digits.as_bytes().chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_seen_wherever_the_encoding_begins() {
        // printf '%sabc8Q~def%s' ... | base64, with nothing, one and two letters before it; and | xxd -p
        for word in [
            "YWJjOFF+ZGVm",
            "eGFiYzhRfmRlZg==",
            "eHhhYmM4UX5kZWY=",
            "name=YWJjOFF-ZGVm",
            "aYWJjOFF+ZGVm",
            "61626338517e6465",
        ] {
            assert!(holds_a_secret_of_entra(word), "{word}");
        }
        for word in ["", "YWJjOFE=", "YWJjUX5kZWY=", "616263517e646566", "deployment-production-west-europe"] {
            assert!(!holds_a_secret_of_entra(word), "{word}");
        }
    }
}
