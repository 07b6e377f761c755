//! A value that a person gives: typed, pasted, or handed over by another program.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::SecretValue;
use crate::rotation::names::KeyId;
use crate::runbook::leaked::entra_secret;

/// The most bytes that are taken: a secret has forty characters, a pasted log line has more.
pub const LONGEST: usize = 4096;

/// A value with what was put right on it.
pub struct Given {
    /// The value.
    pub value: SecretValue,
    /// What stood around it and was cut off, such as "a newline at the end".
    pub cut_off: Vec<&'static str>,
    /// What it looks like.
    pub form: Form,
}

/// What a text looks like. Nothing of the value is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A client secret as Entra makes them.
    Entra,
    /// A GUID: people take a secret's *ID* for its value.
    KeyId(KeyId),
    /// Neither. Old and hand-made secrets may have any form.
    Other,
}

/// Why a text is no value. It never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAValue {
    /// Nothing, or blanks only.
    #[error("no value was given")]
    Empty,
    /// Bytes that are no text.
    #[error("what was given is not text (UTF-8)")]
    NotText,
    /// More than a value has.
    #[error("what was given is longer than any secret")]
    TooLong,
    /// Several lines, or words.
    #[error("what was given has several words or lines, and a secret is one word")]
    SeveralWords,
}

impl Given {
    /// Takes the value out of `bytes`: a newline or blanks around it, and quotes around that, are cut off.
    ///
    /// # Errors
    /// [`NotAValue`].
    pub fn from_bytes(bytes: &Zeroizing<Vec<u8>>) -> Result<Given, NotAValue> {
        if bytes.len() > LONGEST {
            return Err(NotAValue::TooLong);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf".as_slice()).unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| NotAValue::NotText)?;
        let mut cut_off = Vec::new();
        let unbroken = text.trim_end_matches(['\r', '\n']);
        if unbroken.len() < text.len() {
            cut_off.push("a newline at the end");
        }
        let bare = unbroken.trim();
        if bare.len() < unbroken.len() {
            cut_off.push("blanks around it");
        }
        let quotes = ['"', '\'', '`'];
        let unquoted = quotes.iter().find_map(|q| bare.strip_prefix(*q)?.strip_suffix(*q));
        if unquoted.is_some() {
            cut_off.push("quotes around it");
        }
        let word = unquoted.unwrap_or(bare);
        if word.is_empty() {
            return Err(NotAValue::Empty);
        }
        if word.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(NotAValue::SeveralWords);
        }
        let form = match Uuid::try_parse(word) {
            Ok(id) => Form::KeyId(KeyId(id)),
            Err(_) if entra_secret(word).is_some() => Form::Entra,
            Err(_) => Form::Other,
        };
        Ok(Given { value: SecretValue::new(word.to_owned()), cut_off, form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALUE: &str = "Abc8Q~0123456789abcdefghijklmnopqrstuvwx";

    fn given(text: &str) -> Result<Given, NotAValue> {
        Given::from_bytes(&Zeroizing::new(text.as_bytes().to_vec()))
    }

    #[test]
    fn what_stands_around_a_value_is_cut_off_and_said() {
        let cut = |text: &str| {
            let given = given(text).unwrap_or_else(|e| panic!("{e}"));
            assert!(given.value.expose() == VALUE && given.form == Form::Entra);
            given.cut_off.join(", ")
        };
        assert_eq!(cut(VALUE), "");
        assert_eq!(cut(&format!("{VALUE}\n")), "a newline at the end");
        assert_eq!(cut(&format!("{VALUE}\r\n")), "a newline at the end");
        assert_eq!(cut(&format!(" {VALUE}\t")), "blanks around it");
        assert_eq!(cut(&format!("\u{feff} \"{VALUE}\" \n")), "a newline at the end, blanks around it, quotes around it");
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let why = |text: &str| given(text).err();
        assert_eq!([why(""), why(" \n"), why("\"\"")], [Some(NotAValue::Empty); 3]);
        assert_eq!([why("a b"), why("a\nb"), why("a\u{7}b")], [Some(NotAValue::SeveralWords); 3]);
        assert_eq!(why(&"x".repeat(4097)), Some(NotAValue::TooLong));
        assert_eq!(Given::from_bytes(&Zeroizing::new(vec![0xff])).err(), Some(NotAValue::NotText));
    }

    #[test]
    fn a_key_id_is_told_from_a_value() {
        let id = "73c912d2-fd2d-42a0-b3ae-2e45d006b8bc";
        assert_eq!(given(id).ok().unwrap().form, Form::KeyId(id.parse().unwrap()));
        assert_eq!(given("swordfish").ok().unwrap().form, Form::Other);
    }

    proptest! {
        #[test]
        fn no_text_stops_us(bytes in any::<Vec<u8>>(), text in "\\PC*") {
            let _ = Given::from_bytes(&Zeroizing::new(bytes));
            if let Ok(given) = given(&text) { prop_assert!(!given.value.expose().contains(char::is_whitespace)); }
        }
    }
}
