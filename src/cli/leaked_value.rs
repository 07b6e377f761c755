//! A leaked value, from stdin or from a prompt that shows nothing: read once, past every buffer that would keep it.
#![allow(clippy::disallowed_methods)] // reads stdin

use std::io::{IsTerminal, Read};

use zeroize::Zeroizing;

use super::context::Context;
use crate::error::Error;
use crate::rotation::names::RunId;
use crate::runbook::ClientId;
use crate::secret::SecretValue;
use crate::secret::given::{Given, LONGEST, NotAValue};

/// Reads the value from stdin. Blanks and line ends around it are left out: a client secret has none.
pub(super) fn from_stdin() -> Result<SecretValue, Error> {
    if std::io::stdin().is_terminal() {
        let advice = "pipe it in: keyrelay ... --leaked-from-stdin < FILE; typed here it would be shown";
        return Err(usage("--leaked-from-stdin reads a pipe or a file, and stdin is a terminal", advice));
    }
    let one = "give one secret and nothing else on stdin";
    Given::from_bytes(&stdin()?).map(|given| given.value).map_err(|why| match why {
        NotAValue::NotText => usage("what is on stdin is not text", one),
        NotAValue::Empty => usage("there is no value on stdin", one),
        NotAValue::TooLong => usage(&format!("what is on stdin is longer than {LONGEST} bytes"), one),
        NotAValue::SeveralWords => {
            usage("what is on stdin has blanks or line ends within: it is not one client secret", one)
        }
    })
}

/// Asks for the value of a secret that may be this application's: at a prompt, or from stdin where that is not a terminal.
pub(super) fn ask(context: &Context, application: ClientId) -> Result<Given, Error> {
    let bytes = if std::io::stdin().is_terminal() {
        let quiet = if context.global.quiet { "" } else { " (it is not shown)" };
        let typed = rpassword::prompt_password(format!("leaked value, perhaps of application {application}{quiet}: "));
        Zeroizing::new(typed.map_err(cannot)?.into_bytes())
    } else {
        stdin()?
    };
    let advice = |why| match why {
        NotAValue::Empty => "type or paste it at the prompt, or hand it over: keyrelay leak identify RUNBOOK < FILE",
        NotAValue::NotText | NotAValue::TooLong | NotAValue::SeveralWords => {
            "give the value alone: cut it out of the log or file that it stands in"
        }
    };
    Given::from_bytes(&bytes).map_err(|why| usage(&why.to_string(), advice(why)))
}

/// Asks a person for the value that a run was begun with, since no process has it any more. None if nothing is typed.
pub(super) fn once_more(run: &RunId) -> Result<Option<SecretValue>, Error> {
    let prompt = format!("leaked value of run {run} (not shown; with nothing typed it is removed, and not proven dead): ");
    let typed = Zeroizing::new(rpassword::prompt_password(prompt).map_err(cannot)?.into_bytes());
    match Given::from_bytes(&typed) {
        Ok(given) => Ok(Some(given.value)),
        Err(NotAValue::Empty) => Ok(None),
        Err(why) => Err(usage(&why.to_string(), "type or paste the leaked value and nothing else")),
    }
}

fn usage(what: &str, advice: &str) -> Error {
    Error::Usage { what: what.to_owned(), advice: advice.to_owned() }
}

fn cannot(error: std::io::Error) -> Error {
    Error::File { what: "the leaked value".to_owned(), error }
}

/// All of stdin, as long as it is no longer than a value may be.
fn stdin() -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let unbuffered = unbuffered(&std::io::stdin()).map_err(cannot)?;
    unbuffered.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// The same file without the buffer that the standard library keeps for as long as the process lives.
#[cfg(unix)]
fn unbuffered(stdin: &std::io::Stdin) -> std::io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    Ok(std::fs::File::from(stdin.as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn unbuffered(stdin: &std::io::Stdin) -> std::io::Result<std::fs::File> {
    use std::os::windows::io::AsHandle;
    Ok(std::fs::File::from(stdin.as_handle().try_clone_to_owned()?))
}
