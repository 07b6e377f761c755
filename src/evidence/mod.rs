//! What a run's journal shows: the summary at the end of a command, and the report for those who ask later.
//!
//! Everything here is a function of the journal's records: no clock, no file, nothing of now. [`timeline`] gathers what
//! happened in one replay; [`summary`] is the object of `--json` and the few lines for a person; [`report`] is the evidence,
//! as Markdown, HTML and JSON from the same facts. What the records do not show is not claimed.

mod claims;
mod consumers;
mod credentials;
pub mod emergency;
mod gather;
mod html;
mod lines;
mod markdown;
mod met;
mod moments;
mod removals;
mod requests;
mod rows;
mod text;

pub mod explain;
pub mod report;
pub mod state;
pub mod summary;
pub mod timeline;
pub mod turns;

pub use emergency::EmergencyFacts;
pub use explain::{Explanation, explain, explain_in};
pub use report::Report;
pub use state::State;
pub use summary::Summary;
pub(crate) use text::clean;
pub use timeline::Timeline;
