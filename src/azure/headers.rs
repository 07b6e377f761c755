//! The headers of an answer that a rotation reads: ids for support, the service's clock, and how long to leave it alone.

use std::time::Duration;

use jiff::Timestamp;

use crate::rotation::answers::Trace;

/// The longest `Retry-After` that is believed. A larger one would put a run to sleep past its own deadlines.
pub(crate) const RETRY_AFTER_CAP: Duration = Duration::from_secs(300);

/// What ties an answer to the service's records. `header` looks a header up by its lower-case name; Graph sends `request-id`,
/// Key Vault and the token endpoint `x-ms-request-id`.
pub(crate) fn trace<'a>(header: impl Fn(&'static str) -> Option<&'a str>, client_request_id: &str) -> Trace {
    let request_id = header("request-id").or_else(|| header("x-ms-request-id"));
    Trace {
        request_id: request_id.and_then(identifier),
        client_request_id: Some(client_request_id.to_owned()),
        date: header("date").and_then(http_date),
        token_seconds: None,
    }
}

/// `Retry-After` in seconds (whole, or with a fraction as Graph's documentation shows it) or as an HTTP date, which is counted
/// from the answer's own `Date`. `None` if it is neither; never more than [`RETRY_AFTER_CAP`].
pub(crate) fn retry_after(value: &str, date: Option<Timestamp>) -> Option<Duration> {
    let value = value.trim();
    let number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let asked = if number {
        Duration::try_from_secs_f64(value.parse::<f64>().ok()?).unwrap_or(RETRY_AFTER_CAP)
    } else {
        let wait = http_date(value)?.duration_since(date?);
        Duration::try_from(wait).unwrap_or(Duration::ZERO)
    };
    Some(asked.min(RETRY_AFTER_CAP))
}

/// A date of RFC 9110, section 5.6.7, in the form that is sent today (`Sat, 07 May 2022 06:52:44 GMT`).
pub(crate) fn http_date(value: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value.trim()).ok()
}

/// `text`, if it is short and made of what ids and codes are made of. Anything else is dropped: it would end in the journal.
pub(crate) fn identifier(text: &str) -> Option<String> {
    let lawful = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'/' | b'.' | b'-');
    ((1..=80).contains(&text.len()) && text.bytes().all(lawful)).then(|| text.to_owned())
}

/// `text` on one line, without control characters, cut to 300 characters.
pub(crate) fn sentence(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DATE: &str = "Sat, 07 May 2022 06:52:44 GMT";

    #[test]
    fn retry_after_in_every_form_that_was_seen() {
        let date = http_date(DATE);
        let cases = [
            ("60", Some(60_000)),
            ("2.128", Some(2_128)),
            ("0", Some(0)),
            (" 7 ", Some(7_000)),
            ("86400", Some(300_000)),
            ("99999999999999999999999999", Some(300_000)),
            ("Sat, 07 May 2022 06:52:54 GMT", Some(10_000)),
            ("Sat, 07 May 2022 06:52:34 GMT", Some(0)),
            ("Sun, 08 May 2022 06:52:44 GMT", Some(300_000)),
            ("-1", None),
            ("soon", None),
            ("1.2.3", None),
            ("inf", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(retry_after(value, date), expected.map(Duration::from_millis), "{value:?}");
        }
        assert_eq!(retry_after("Sat, 07 May 2022 06:52:54 GMT", None), None, "a date says nothing without the answer's own");
    }

    #[test]
    fn the_trace_takes_graphs_id_or_the_vaults() {
        let graph = |name: &str| match name {
            "request-id" => Some("66656a0f-c2d8-454a-8e7e-a734d061a35f"),
            "date" => Some(DATE),
            _ => None,
        };
        let expected = Trace {
            request_id: Some("66656a0f-c2d8-454a-8e7e-a734d061a35f".into()),
            client_request_id: Some("ours".into()),
            date: Some("2022-05-07T06:52:44Z".parse().unwrap()),
            token_seconds: None,
        };
        assert_eq!(trace(graph, "ours"), expected);
        let vault = |name: &str| (name == "x-ms-request-id").then_some("a b");
        assert_eq!(trace(vault, "ours").request_id, None, "an id with a blank is no id");
    }

    #[test]
    fn sentences_are_one_short_line() {
        assert_eq!(sentence("a\r\nb\u{7}c \t d"), "a b c d");
        assert_eq!(sentence(&"é".repeat(301)), format!("{}...", "é".repeat(300)));
        assert_eq!(sentence(&"é".repeat(300)), "é".repeat(300));
    }

    proptest! {
        #[test]
        fn nothing_that_a_header_says_stops_us(text in "\\PC*", digits in "[0-9.]{0,40}") {
            let date = http_date(DATE);
            let waits = [retry_after(&text, date), retry_after(&digits, date), retry_after(&format!("{text}{DATE}"), date)];
            prop_assert!(waits.into_iter().flatten().all(|w| w <= RETRY_AFTER_CAP));
            prop_assert!(sentence(&text).chars().count() <= 303);
            prop_assert!(identifier(&text).is_none_or(|id| id == text));
        }
    }
}
