//! The leaked value from stdin: read once, past every buffer that would keep it, and never shown.

use std::io::{IsTerminal, Read};

use zeroize::Zeroizing;

use crate::error::Error;
use crate::secret::SecretValue;

/// A client secret of Entra has 40 characters; what is longer than this is something else.
const LONGEST: usize = 4096;

/// Reads the value from stdin. Blanks and line ends around it are left out: a client secret has none.
pub(super) fn from_stdin() -> Result<SecretValue, Error> {
    let usage = |what: &str, advice: &str| Error::Usage { what: what.to_owned(), advice: advice.to_owned() };
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let advice = "pipe it in: keyrelay ... --leaked-from-stdin < FILE; typed here it would be shown";
        return Err(usage("--leaked-from-stdin reads a pipe or a file, and stdin is a terminal", advice));
    }
    let cannot = |error| Error::File { what: "the leaked value on stdin".to_owned(), error };
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let mut unbuffered = unbuffered(&stdin).map_err(cannot)?;
    std::io::Read::by_ref(&mut unbuffered).take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    let one = "give one secret and nothing else on stdin";
    let text = std::str::from_utf8(&bytes).map_err(|_| usage("what is on stdin is not text", one))?;
    match text.trim() {
        "" => Err(usage("there is no value on stdin", one)),
        _ if bytes.len() > LONGEST => Err(usage(&format!("what is on stdin is longer than {LONGEST} bytes"), one)),
        value if value.contains(char::is_whitespace) || value.contains(char::is_control) => {
            Err(usage("what is on stdin has blanks or line ends within: it is not one client secret", one))
        }
        value => Ok(SecretValue::new(value.to_owned())),
    }
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
