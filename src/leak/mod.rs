//! A leaked secret: which one it is, and what whoever has it could do. Who has used it is [`crate::usage`]'s.
//!
//! [`evidence`] asks the services about a value, [`identify`] judges what they say, [`tell`] says it to a person; [`reach`] is about
//! what was granted. Nothing here keeps the value, and nothing that is told holds it or its hint.

pub mod evidence;
pub mod identify;
pub mod reach;
pub mod tell;

pub use evidence::{Asked, Asker, Candidate, Evidence};
pub use identify::{Identified, Standing, identify};
