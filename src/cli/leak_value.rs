//! Takes a leaked value: from a prompt that shows nothing, or from stdin where that is not a terminal.
#![allow(clippy::disallowed_methods)] // reads stdin

use std::io::{IsTerminal, Read};

use zeroize::Zeroizing;

use super::context::Context;
use crate::error::Error;
use crate::runbook::ClientId;
use crate::secret::given::{Given, LONGEST, NotAValue};

/// Asks for the value of a secret that may be this application's.
pub(super) fn ask(context: &Context, application: ClientId) -> Result<Given, Error> {
    let cannot = |error| Error::File { what: "the value".to_owned(), error };
    let bytes = if std::io::stdin().is_terminal() {
        let quiet = if context.global.quiet { "" } else { " (it is not shown)" };
        let typed = rpassword::prompt_password(format!("leaked value, perhaps of application {application}{quiet}: "));
        Zeroizing::new(typed.map_err(cannot)?.into_bytes())
    } else {
        stdin().map_err(cannot)?
    };
    Given::from_bytes(&bytes).map_err(refused)
}

/// Straight from the descriptor: the standard library's own buffer is never wiped.
#[cfg(unix)]
fn stdin() -> std::io::Result<Zeroizing<Vec<u8>>> {
    use std::os::fd::AsFd;
    let file = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    whole(file)
}

#[cfg(not(unix))]
fn stdin() -> std::io::Result<Zeroizing<Vec<u8>>> {
    whole(std::io::stdin().lock())
}

/// All of it, as long as it is no longer than a value may be.
fn whole(from: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn refused(why: NotAValue) -> Error {
    let advice = match why {
        NotAValue::Empty => "type or paste it at the prompt, or hand it over: keyrelay leak identify RUNBOOK < FILE",
        NotAValue::NotText | NotAValue::TooLong | NotAValue::SeveralWords => {
            "give the value alone: cut it out of the log or file that it stands in"
        }
    };
    Error::Usage { what: why.to_string(), advice: advice.to_owned() }
}
