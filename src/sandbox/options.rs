//! How to serve.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::cloud::Profile;
use super::faults::Rule;
use super::wire;

/// How fast changes are seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pace {
    /// At once.
    Instant,
    /// After up to 2.5 seconds, at different times in different places.
    #[default]
    Realistic,
    /// After up to three minutes, at different times in more places.
    Hostile,
}

impl Pace {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Pace::Instant => "instant",
            Pace::Realistic => "realistic",
            Pace::Hostile => "hostile",
        }
    }

    pub(super) fn profile(self) -> Profile {
        match self {
            Pace::Instant => Profile::instant(),
            Pace::Realistic => Profile::realistic(),
            Pace::Hostile => Profile::hostile(),
        }
    }
}

/// The moments at which a hook may hold a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It has been read; nothing has happened.
    BeforeEffect,
    /// Its effect is on disk; the answer has not left.
    BeforeAnswer,
}

/// A request, as a hook sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which service it is for.
    pub service: wire::Service,
    /// The HTTP method.
    pub method: String,
    /// The path, undecoded.
    pub path: String,
}

/// Waited for at each moment of each request. A future that never ends holds the answer back for ever.
pub type Hook = Arc<dyn Fn(Moment, &Call) -> BoxFuture<'static, ()> + Send + Sync>;

/// Where the state is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Keep {
    /// In the state folder.
    #[default]
    Folder,
    /// In this file.
    File(PathBuf),
    /// In memory. The authority's key, too; and the state folder is removed in the end.
    Nothing,
}

/// How to serve.
#[derive(Clone)]
pub struct ServeOptions {
    /// Certificates, operators' secrets and endpoint; made if it is not there, refused if others can read it.
    pub state_folder: PathBuf,
    /// Where the state is.
    pub keep: Keep,
    /// How many applications a state that is made anew has, with vaults and all operators; none of these if it is not said.
    pub applications: Option<u32>,
    /// Where to put a copy of the authority's certificate.
    pub ca_out: Option<PathBuf>,
    /// 0: the port that the folder's last server had, or any that is free.
    pub port: u16,
    /// Holds for changes from now on.
    pub pace: Pace,
    /// Of a state that is made anew; drawn if there is none.
    pub seed: Option<u64>,
    /// Ends by itself after this time without a request; never if there is none.
    pub idle: Option<Duration>,
    /// Added to each answer of the services.
    pub latency: Duration,
    /// The rules that say which requests come to harm, instead of those that the state has.
    pub faults: Option<Vec<Rule>>,
    /// Whether faults can be changed and the log read while it runs; see [`super::control`].
    pub control: bool,
    /// For tests.
    pub hook: Option<Hook>,
}

impl ServeOptions {
    /// Any port, realistic, ends after ten idle minutes.
    pub fn new(state_folder: impl Into<PathBuf>) -> ServeOptions {
        ServeOptions {
            state_folder: state_folder.into(),
            keep: Keep::default(),
            applications: None,
            ca_out: None,
            port: 0,
            pace: Pace::default(),
            seed: None,
            idle: Some(Duration::from_secs(600)),
            latency: Duration::ZERO,
            faults: None,
            control: false,
            hook: None,
        }
    }

    pub(super) fn state_file(&self) -> Option<PathBuf> {
        match &self.keep {
            Keep::Folder => Some(self.state_folder.join("state.json")),
            Keep::File(file) => Some(file.clone()),
            Keep::Nothing => None,
        }
    }
}
