//! The rotation: what is next, and what an answer means. Pure.

pub mod answers;
pub mod names;
