//! What rules look at: which operation of which service, on whose application or in whose vault.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A request, as far as rules and the log tell requests apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What is asked for.
    pub operation: Operation,
    /// The client ID of the application that it concerns: that signs in, is read or is changed.
    pub application: Option<Uuid>,
    /// The host name of the vault, in lower case.
    pub vault: Option<String>,
}

impl Call {
    /// A request that concerns no application and no vault.
    pub fn of(operation: Operation) -> Call {
        Call { operation, application: None, vault: None }
    }

    /// The same, on this application.
    #[must_use]
    pub fn on(mut self, application: Option<Uuid>) -> Call {
        self.application = application;
        self
    }

    /// The same, in this vault.
    #[must_use]
    pub fn at(mut self, host: &str) -> Call {
        self.vault = Some(host.to_ascii_lowercase());
        self
    }
}

macro_rules! operations {
    ($($service:literal { $($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)? })*) => {
        /// What a request asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Operation {
            $($($(#[$doc])* #[serde(rename = $name)] $variant),*),*
        }

        impl Operation {
            /// Every one, by service.
            pub const ALL: &'static [Operation] = &[$($(Operation::$variant),*),*];

            /// Its name in rules and in the log.
            pub fn name(self) -> &'static str {
                match self { $($(Operation::$variant => $name),*),* }
            }

            /// The name of the service that is asked.
            pub fn service(self) -> &'static str {
                match self { $($(Operation::$variant => $service),*),* }
            }
        }
    };
}

operations! {
    "login" {
        /// A token is asked for.
        SignIn = "sign-in",
        /// Discovery documents and keys.
        Discover = "discover",
    }
    "graph" {
        /// An application with its credentials.
        ReadApplication = "read-application",
        /// Applications or service principals.
        ListApplications = "list-applications",
        /// `addPassword`, of an application or a service principal.
        AddPassword = "add-password",
        /// `removePassword`, of either.
        RemovePassword = "remove-password",
        /// Sign-in records and reports on credentials.
        ReadSignIns = "read-sign-ins",
        /// Any other read.
        ReadOther = "read-other",
        /// Any other change.
        ChangeOther = "change-other",
    }
    "vault" {
        /// The value of a secret, current or by version.
        GetSecret = "get-secret",
        /// Secrets.
        ListSecrets = "list-secrets",
        /// The versions of a secret.
        ListVersions = "list-versions",
        /// A new version.
        SetSecret = "set-secret",
        /// Properties of a version.
        UpdateSecret = "update-secret",
        /// Soft-deletes a secret.
        DeleteSecret = "delete-secret",
        /// A deleted secret.
        GetDeleted = "get-deleted",
        /// Deleted secrets.
        ListDeleted = "list-deleted",
        /// Brings a deleted secret back; backup and restore too.
        RecoverDeleted = "recover-deleted",
        /// Ends a deleted secret.
        PurgeDeleted = "purge-deleted",
    }
    "sandbox" {
        /// What no cloud has, and what no service here serves. No rule strikes it.
        Own = "own",
    }
}

impl Operation {
    /// The operation of this name.
    pub fn named(name: &str) -> Option<Operation> {
        Operation::ALL.iter().copied().find(|o| o.name() == name)
    }

    /// All operations of the service of this name; none if there is no such service.
    pub fn of_service(name: &str) -> impl Iterator<Item = Operation> {
        Operation::ALL.iter().copied().filter(move |o| o.service() == name)
    }
}
