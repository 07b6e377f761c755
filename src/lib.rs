//! Replaces the client secret of a Microsoft Entra application without downtime.
//!
//! The promise: kill it at any instant, as often as you like. From the first proven publish on (from the start, if the old
//! secret was alive) the value in the vault signs in, and so does any value read from it within the overlap. Then `resume`
//! or `rollback` ends with exactly one credential of ours, the one that the vault serves, and nobody else's credential
//! touched. No file, log or message holds the secret. If it cannot tell what is true, it changes nothing and says so.
//!
//! It rests on two assumptions that no vendor states as a bound. **A1**: after the *settle* time a request whose connection
//! is dead no longer lands, and no list is stale. **A2**: the sign-in replicas agree once sign-ins on fresh connections have
//! succeeded without a break for the *proof window*.
//!
//! Data flows one way: [`runbook`] to [`rotation`] (pure: what is next, and what an answer means) to [`driver`] (the only
//! loop) to [`ports`] to the services ([`azure`], or the [`sandbox`]'s cloud in process). What happened is in the
//! [`journal`]; [`evidence`] is read from it alone.

pub mod clock;
pub mod consumers;
pub mod correlation;
pub mod diagnose;
mod disk;
pub mod drill;
pub mod driver;
pub mod error;
pub mod evidence;
pub mod hardening;
pub mod hold;
mod inherited;
pub mod journal;
pub mod leak;
pub mod locks;
pub mod places;
pub mod ports;
pub mod preflight;
pub mod refusals;
pub mod rotation;
pub mod run;
pub mod runbook;
pub mod sandbox;
pub mod secret;
pub mod usage;

pub mod azure;
pub mod cli;
