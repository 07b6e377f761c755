//! The moments as a picture: a line from top to bottom, so that it can be read on a phone. The space between two moments grows
//! with the time between them, less and less.

use jiff::Timestamp;

use super::super::moments::Moment;
use super::super::text::duration;

/// Of the picture, in its own units.
const WIDTH: i32 = 440;
/// Above the first moment and below the last.
const MARGIN: i32 = 26;
/// Between two moments at least: room for what is written at each.
const STEP: i32 = 50;
/// What a factor of e in time adds.
const GROWTH: f64 = 7.0;

pub(super) struct Picture {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) marks: Vec<Mark>,
    /// The same in words.
    pub(super) told: String,
}

/// A moment at its place.
pub(super) struct Mark {
    pub(super) y: i32,
    pub(super) time: String,
    /// Where it is another day than at the mark before.
    pub(super) day: String,
    pub(super) text: String,
    /// Since the mark before.
    pub(super) after: String,
    /// How it is drawn: `plain`, `live`, `gone` or `end`.
    pub(super) class: &'static str,
}

impl Picture {
    pub(super) fn of(moments: &[Moment]) -> Picture {
        let (mut y, mut before, mut marks) = (MARGIN, None::<Timestamp>, Vec::new());
        for moment in moments {
            let (mut after, mut day) = (String::new(), moment.at.strftime("%Y-%m-%d").to_string());
            if let Some(then) = before {
                let since = moment.at.duration_since(then);
                y += STEP + growth(since.as_secs_f64());
                after = format!("+{}", duration(since));
                if then.strftime("%Y-%m-%d").to_string() == day {
                    day.clear();
                }
            }
            before = Some(moment.at);
            let (time, text) = (moment.at.strftime("%H:%M:%SZ").to_string(), cut(&moment.text));
            marks.push(Mark { y, time, day, text, after, class: class(moment.name) });
        }
        let told = moments.iter().map(|m| format!("{}: {}.", m.at.strftime("%Y-%m-%d %H:%M:%SZ"), m.text));
        let told = told.collect::<Vec<_>>().join(" ");
        Picture { width: WIDTH, height: y + MARGIN, marks, told }
    }
}

/// Units for a time of so many seconds.
fn growth(seconds: f64) -> i32 {
    #[allow(clippy::cast_possible_truncation)] // far below: the logarithm of a time is small
    let units = (seconds.max(0.0).ln_1p() * GROWTH) as i32;
    units
}

/// What fits on a line; the table below has it whole.
fn cut(text: &str) -> String {
    const FITS: usize = 38;
    if text.chars().count() <= FITS {
        return text.to_owned();
    }
    format!("{}\u{2026}", text.chars().take(FITS - 1).collect::<String>().trim_end())
}

fn class(name: &str) -> &'static str {
    match name {
        "replacement-live" | "old-live-again" => "live",
        "old-removed" | "leaked-removed" | "exposed" | "still-accepted" | "needs-operator" => "gone",
        "completed" | "rolled-back" | "abandoned" | "proven-dead" => "end",
        _ => "plain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at: &str, text: &str) -> Moment {
        Moment { name: "started", at: at.parse().unwrap(), text: text.to_owned(), record: None }
    }

    #[test]
    fn later_is_further_down_and_never_closer_than_the_words_need() {
        let day = [
            moment("2026-11-21T03:00:00Z", "a"),
            moment("2026-11-21T03:00:00Z", "b"),
            moment("2026-11-21T03:01:00Z", "c"),
            moment("2026-11-22T03:01:00Z", "d"),
        ];
        let picture = Picture::of(&day);
        let y: Vec<i32> = picture.marks.iter().map(|m| m.y).collect();
        // ln(61) * 7 is 28.8; ln(86401) * 7 is 79.6
        assert_eq!(y, [26, 76, 76 + 50 + 28, 154 + 50 + 79]);
        assert_eq!(picture.height, 283 + 26);
        let days: Vec<&str> = picture.marks.iter().map(|m| m.day.as_str()).collect();
        assert_eq!(days, ["2026-11-21", "", "", "2026-11-22"]);
        let after: Vec<&str> = picture.marks.iter().map(|m| m.after.as_str()).collect();
        assert_eq!(after, ["", "+0s", "+1m", "+24h"]);
    }

    #[test]
    fn what_does_not_fit_is_cut_and_told_whole() {
        let long = "Replacement live: billing-api-client-secret in kv-one.vault.azure.net";
        let picture = Picture::of(&[moment("2026-11-21T03:00:00Z", long)]);
        assert_eq!(picture.marks[0].text, "Replacement live: billing-api-client-\u{2026}");
        assert_eq!(picture.told, format!("2026-11-21 03:00:00Z: {long}."));
        assert_eq!(Picture::of(&[]).height, 52);
    }
}
