//! Who reads the secret, and how they are made to read it again.

use std::collections::HashSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::CONSUMERS;
use super::duration::HumanDuration;
use super::leaked::parameter_holds_a_secret;
use super::names::{Form, FreeText, as_text};
use super::problem::{Checked, Problems, Wrong};
use super::table::Table;

/// A `[[consumer]]` table: something that reads the secret from a vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// `name`: for people; told apart without case. Required.
    pub name: FreeText,
    /// `refresh`: how it is made to read again. Default: it is left to read again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Action>,
    /// `check`: whether it works. It proves adoption only if it reports the new key ID; while it reports the old one, that is not
    /// removed. Default: not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Action>,
    /// `cache`: how long it may keep the old value after a refresh. Default: 0s.
    pub cache: HumanDuration,
    /// `within`: how long after the first try of a refresh or check that fails another may begin, at most 24h; the pauses between
    /// tries double from a second up to 15. `0s`: one try. Default: 5m.
    pub within: HumanDuration,
}

impl Consumer {
    /// The default of `within`.
    const WITHIN: HumanDuration = HumanDuration::minutes(5);
    /// The most that `within` may be.
    const LONGEST_WITHIN: HumanDuration = HumanDuration::minutes(24 * 60);
}

/// Something to run or to call: `{ command = ["prog", "arg"], timeout = "30s" }` or `{ http = "https://...", timeout = "30s" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// `command` or `http`, one of them.
    #[serde(flatten)]
    pub call: Call,
    /// `timeout`: how long one try may take, more than 0s and at most 1h. Default: 30s.
    pub timeout: HumanDuration,
}

impl Action {
    /// The default of `timeout`.
    pub(super) const TIMEOUT: HumanDuration = HumanDuration::seconds(30);
    /// The most that `timeout` may be.
    pub(super) const LONGEST: HumanDuration = HumanDuration::minutes(60);
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.call {
            Call::Command(command) => write!(f, "{command}")?,
            Call::Http(url) => write!(f, "GET {url}")?,
        }
        write!(f, " (at most {})", self.timeout)
    }
}

/// What an [`Action`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A program with arguments, started without a shell. It finds `KEYRELAY_RUN`, `KEYRELAY_OLD_KEY_ID`,
    /// `KEYRELAY_NEW_KEY_ID` and `KEYRELAY_VAULT_VERSION` in its environment, never a secret.
    Command(Command),
    /// An HTTP GET.
    Http(HttpUrl),
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Command {
    program: String,
    arguments: Vec<String>,
}

impl Command {
    /// The program: a path, or a name to be found on `PATH`.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

impl TryFrom<Vec<String>> for Command {
    type Error = Wrong;
    fn try_from(words: Vec<String>) -> Result<Self, Wrong> {
        const INSTEAD: &str = "Write the program and its arguments, such as [\"systemctl\", \"reload\", \"billing-api\"]";
        if words.iter().any(|w| w.contains('\0')) {
            return Err(Wrong::new("has a NUL character, which no program can be given", INSTEAD));
        }
        let mut words = words.into_iter();
        let program = words.next().filter(|p| !p.trim().is_empty());
        let program = program.ok_or_else(|| Wrong::new("names no program", INSTEAD))?;
        Ok(Command { program, arguments: words.collect() })
    }
}

impl From<Command> for Vec<String> {
    fn from(command: Command) -> Vec<String> {
        std::iter::once(command.program).chain(command.arguments).collect()
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.arguments.iter().try_for_each(|a| write!(f, " {a}"))
    }
}

/// A URL that may be fetched: `https://` anywhere, `http://` on loopback; no user, no parameter that would hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl(Url);

as_text!(HttpUrl);

impl HttpUrl {
    /// The URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl Form for HttpUrl {
    const NAME: &'static str = "a URL";
    const EXAMPLE: &'static str = "https://billing.contoso.example/health";
}

impl FromStr for HttpUrl {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let wrong = |what: &str, instead: &str| Err(Wrong::new(what, instead));
        let example = format!("Write one such as \"{}\"", Self::EXAMPLE);
        let Ok(url) = Url::parse(s) else { return wrong("is not a URL", &example) };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return wrong("is http to another machine, which anybody on the way can answer", "Write https://"),
            _ => return wrong("is neither https nor http", &example),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("has a user or password in it", "Let a command make the call; it can fetch what it needs itself");
        }
        if url.query_pairs().any(|(name, _)| parameter_holds_a_secret(&name)) {
            let instead = "A runbook holds no secret: let a command make the call; it can fetch the key itself";
            return wrong("has a parameter that looks like a key", instead);
        }
        Ok(HttpUrl(url))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => Ipv4Addr::is_loopback(&ip),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The `[[consumer]]` tables.
pub(super) fn read_all(top: &Table<'_>, p: &mut Problems<'_>) -> Checked<Vec<Consumer>> {
    let tables = top.tables("consumer", CONSUMERS, p)?;
    let mut seen = HashSet::new();
    let read: Vec<Checked<Consumer>> = tables.iter().map(|t| read(t, &mut seen, p)).collect();
    read.into_iter().collect()
}

/// One of them; `seen` has the names of those before it.
fn read(t: &Table<'_>, seen: &mut HashSet<String>, p: &mut Problems<'_>) -> Checked<Consumer> {
    t.only_fields_of("consumer", p);
    let name = t.required::<FreeText>("name", p);
    if let Ok(text) = &name
        && !seen.insert(text.as_str().to_lowercase())
    {
        t.wrong("name", Wrong::new("is the name of another consumer too; case does not count", "Give each its own"), p);
    }
    let (refresh, check) = (action(t, "refresh", p), action(t, "check", p));
    let cache = t.or("cache", HumanDuration::ZERO, p);
    let mut within = t.or("within", Consumer::WITHIN, p);
    if within.is_ok_and(|w| w > Consumer::LONGEST_WITHIN) {
        within = Err(t.wrong("within", Wrong::new("is longer than a day", "Write \"24h\" or less"), p));
    }
    Ok(Consumer { name: name?, refresh: refresh?, check: check?, cache: cache?, within: within? })
}

fn action(consumer: &Table<'_>, name: &str, p: &mut Problems<'_>) -> Checked<Option<Action>> {
    const EITHER: &str = "Write either { command = [\"program\", \"argument\"] } or { http = \"https://...\" }";
    let Some(t) = consumer.optional_table(name, p)? else { return Ok(None) };
    t.only_fields_of("action", p);
    let timeout = t.or("timeout", Action::TIMEOUT, p);
    let mut timeout = t.more_than_zero("timeout", timeout, p);
    if timeout.is_ok_and(|t| t > Action::LONGEST) {
        timeout = Err(t.wrong("timeout", Wrong::new("is longer than an hour", "Write \"1h\" or less"), p));
    }
    let command = t.texts("command", p)?.map(|words| Command::try_from(words).map_err(|wrong| t.wrong("command", wrong, p)));
    let call = match (command, t.optional::<HttpUrl>("http", p)?) {
        (Some(command), None) => Call::Command(command?),
        (None, Some(url)) => Call::Http(url),
        (Some(_), Some(_)) => return Err(consumer.wrong(name, Wrong::new("has both `command` and `http`", EITHER), p)),
        (None, None) => return Err(consumer.wrong(name, Wrong::new("has neither `command` nor `http`", EITHER), p)),
    };
    Ok(Some(Action { call, timeout: timeout? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_for_loopback_only() {
        for url in [
            "https://a.example/x?y=1",
            "http://localhost:8080/",
            "http://127.0.0.2/",
            "http://[::1]:1/",
            "http://a.localhost/",
        ] {
            assert!(url.parse::<HttpUrl>().is_ok(), "{url}");
        }
        for url in [
            "http://a.example/",
            "http://localhost.example/",
            "http://10.0.0.1/",
            "ftp://a.example/",
            "file:///etc/passwd",
            "",
            "https://me:pw@a.example/",
            "https://a.example/?code=1",
            "https://a.example/?api_key=1",
            "https://a.example/?sig=1",
        ] {
            assert!(url.parse::<HttpUrl>().is_err(), "{url}");
        }
    }

    #[test]
    fn a_command_has_a_program() {
        let words = |w: &[&str]| Command::try_from(w.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(words(&["a", "", "b c"]).unwrap().arguments(), ["", "b c"]);
        for wrong in [&[][..], &[""], &[" ", "x"], &["a", "b\0"]] {
            assert!(words(wrong).is_err(), "{wrong:?}");
        }
    }
}
