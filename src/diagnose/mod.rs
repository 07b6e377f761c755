//! Why does this application fail to get tokens? Reads what a consumer reads, signs in with it, and walks the causes.
//!
//! Read only. [`look`] asks the services, [`History`] is what the journals of this machine know, and [`Diagnosis::of`] judges
//! both without asking anybody. Refusals are said in the words of [`crate::refusals`].

mod diagnosis;
mod facts;
mod history;
mod judge;
mod value;

pub use diagnosis::{Diagnosis, Finding, VaultLine, Verdict};
pub use facts::{Facts, KnownSecret, Said, Serving, VaultFacts, look};
pub use history::{History, Removal};
