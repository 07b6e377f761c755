//! What a run asks for when it does something, and in which vault.

use super::row::Operation;
use crate::rotation::answers::{Mutation, Source};
use crate::rotation::names::VaultIx;
use crate::rotation::{Effect, Reading};

/// What an effect asks the services for; nothing for one that asks nobody, or consumers.
pub fn asked(effect: &Effect) -> (Option<Operation>, Option<VaultIx>) {
    match effect {
        Effect::Read(reading) => match reading {
            Reading::Credentials => (Some(Operation::ListSecrets), None),
            Reading::Vault { vault, .. } | Reading::Baseline { vault, .. } => (Some(Operation::GetSecret), Some(*vault)),
            Reading::Versions { vault } => (Some(Operation::ListVersions), Some(*vault)),
            // that the records cannot be read is an answer, not a refusal
            Reading::SignIns { .. } => (None, None),
            Reading::SignIn | Reading::Leaked { held_in: None } => (Some(Operation::SignIn), None),
            Reading::Leaked { held_in: Some(held_in) } => (Some(Operation::GetSecret), Some(held_in.vault)),
        },
        // before its intent, the version to copy from is read
        Effect::Mutate(Mutation::WriteVault { from: Source::Version { vault, .. }, .. }) => {
            (Some(Operation::GetSecret), Some(*vault))
        }
        Effect::Mutate(request) => asked_by(request),
        Effect::Refresh { .. } | Effect::Check { .. } | Effect::Wait { .. } | Effect::GiveUp => (None, None),
        Effect::NeedsOperator(_) | Effect::Ended(_) => (None, None),
    }
}

/// What a change asks for.
pub fn asked_by(request: &Mutation) -> (Option<Operation>, Option<VaultIx>) {
    match request {
        Mutation::AddSecret { .. } => (Some(Operation::AddSecret), None),
        Mutation::WriteVault { vault, .. } => (Some(Operation::SetSecret), Some(*vault)),
        Mutation::DisableVersion { vault, .. } => (Some(Operation::DisableVersion), Some(*vault)),
        Mutation::RemoveSecret { .. } => (Some(Operation::RemoveSecret), None),
    }
}
