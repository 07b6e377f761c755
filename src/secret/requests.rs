//! Requests and answers that carry the value.
