//! What can be typed in a drill: keyrelay's commands, time, and what people do besides.

use jiff::SignedDuration;

use super::Choice;
use super::scenario::{Mend, length};
use crate::rotation::names::KeyId;
use crate::runbook::HumanDuration;

/// The commands of every drill, as they are typed, and what each does.
pub const HELP: [(&str, &str); 12] = [
    ("plan", "look at what is there, and whether a run may start"),
    ("rotate", "start a run; it leaves during the overlap, as in a pipeline"),
    ("rotate --emergency", "answer a leak: the secret that was there first is out (or say --key-id KEY_ID)"),
    ("resume", "go on with the run from its journal"),
    ("rollback", "put the old value back and remove what the run added"),
    ("status", "what is true, what is next, and when"),
    ("hold 12h", "keep the old secret alive for so long"),
    ("release", "let a held run go on"),
    ("abandon", "close the run as it stands"),
    ("evidence", "write the report, and say where"),
    ("wait 30m", "let time pass; without a duration, until the run has something to do"),
    ("done", "end the drill"),
];

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Plan,
    Rotate {
        if_expires_within: Option<SignedDuration>,
    },
    /// The leaked key ID; the secret that was there first, if none is named.
    Emergency {
        leaked: Option<KeyId>,
    },
    Resume,
    Rollback,
    Status,
    Hold(SignedDuration),
    Release,
    Abandon,
    Evidence,
    Wait(Option<SignedDuration>),
    /// The mend of this number.
    Mend(usize),
    Done,
}

impl Command {
    /// The command of a line. `keyrelay` may stand before it, a run or a runbook after it; there is one of each.
    pub(super) fn parse(line: &str, mends: &[Mend]) -> Result<Command, String> {
        let words: Vec<&str> = line.split_whitespace().skip_while(|w| *w == "keyrelay").collect();
        let Some((first, rest)) = words.split_first() else { return Err("type a command, or done".to_owned()) };
        let after = |flag: &str| rest.iter().position(|w| *w == flag).and_then(|at| rest.get(at.saturating_add(1))).copied();
        let duration = |text: &str| {
            let parsed: Result<HumanDuration, _> = text.parse();
            parsed.map(length).map_err(|_| format!("{text} is no duration such as 30m or 12h"))
        };
        if let Some(n) = mends.iter().position(|m| m.word == *first) {
            return Ok(Command::Mend(n));
        }
        Ok(match *first {
            "plan" => Command::Plan,
            "rotate" if rest.contains(&"--emergency") => {
                let leaked = after("--key-id").map(|id| id.parse().map_err(|_| format!("{id} is no key ID")));
                Command::Emergency { leaked: leaked.transpose()? }
            }
            "rotate" => Command::Rotate { if_expires_within: after("--if-expires-within").map(duration).transpose()? },
            "resume" => Command::Resume,
            "rollback" => Command::Rollback,
            "status" => Command::Status,
            "hold" => {
                let bare = rest.first().filter(|w| w.starts_with(|c: char| c.is_ascii_digit()) && duration(w).is_ok());
                let how_long = after("--for").or(bare.copied()).unwrap_or("24h");
                Command::Hold(duration(how_long)?)
            }
            "release" => Command::Release,
            "abandon" => Command::Abandon,
            "evidence" => Command::Evidence,
            "wait" => Command::Wait(rest.first().map(|text| duration(text)).transpose()?),
            "done" | "quit" | "exit" => Command::Done,
            other => {
                let known = HELP.iter().map(|(form, _)| form.split(' ').next().unwrap_or(form));
                let known: Vec<&str> = known.chain(mends.iter().map(|m| m.word.as_str())).collect();
                return Err(format!("{other} is nothing that can be done here: {}", known.join(", ")));
            }
        })
    }
}

/// What can be typed, mends first: they are what differs from drill to drill.
pub(super) fn choices(mends: &[Mend]) -> Vec<Choice> {
    let mends = mends.iter().map(|m| Choice { word: m.word.clone(), says: m.says.clone() });
    let others = HELP.iter().map(|(form, says)| Choice { word: (*form).to_owned(), says: (*says).to_owned() });
    mends.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_typed_as_in_life_or_short() {
        let mend: Mend = toml::from_str("word = \"grant\"\nsays = \"x\"\n").unwrap();
        let parse = |line: &str| Command::parse(line, std::slice::from_ref(&mend));
        let hours = SignedDuration::from_hours;
        assert_eq!(parse("keyrelay resume 20261121t0306 --no-wait"), Ok(Command::Resume));
        assert_eq!(parse("hold 12h"), Ok(Command::Hold(hours(12))));
        assert_eq!(parse("keyrelay hold 20261121t0306 --for 2h --reason x"), Ok(Command::Hold(hours(2))));
        assert_eq!(parse("hold"), Ok(Command::Hold(hours(24))));
        assert_eq!(parse("wait"), Ok(Command::Wait(None)));
        let due = Command::Rotate { if_expires_within: Some(hours(720)) };
        assert_eq!(parse("keyrelay rotate billing.md --if-expires-within 30d"), Ok(due));
        assert_eq!(parse("grant"), Ok(Command::Mend(0)));
        let id = "5a9db0c5-0000-4000-8000-000000000001";
        let leak = Command::Emergency { leaked: Some(id.parse().unwrap()) };
        assert_eq!(parse(&format!("keyrelay rotate billing.md --emergency --key-id {id}")), Ok(leak));
        assert_eq!(parse("rotate --emergency"), Ok(Command::Emergency { leaked: None }));
        assert!(parse("rotate --emergency --key-id it").is_err());
        assert!(parse("wait long").unwrap_err().contains("no duration"));
        assert!(parse("rm -rf").unwrap_err().contains("grant"));
        assert!(parse("  ").is_err());
    }
}
