//! What a row of the table is.

use super::token::Why;
use crate::rotation::answers::RefusalKind;

/// Who says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Microsoft Graph.
    Graph,
    /// Key Vault.
    Vault,
    /// The token endpoint of Microsoft Entra.
    Token,
    /// Whichever was asked: rows for codes that are not known.
    Any,
}

impl Service {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Service::Graph => "Microsoft Graph",
            Service::Vault => "Key Vault",
            Service::Token => "the token endpoint",
            Service::Any => "the service",
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Graph: the application itself.
    ReadApplication,
    /// Graph: its password credentials.
    ListSecrets,
    /// Graph: its service principal.
    ReadServicePrincipal,
    /// Graph: `addPassword`.
    AddSecret,
    /// Graph: `removePassword`.
    RemoveSecret,
    /// Vault: get the current version, or one version.
    GetSecret,
    /// Vault: list the versions.
    ListVersions,
    /// Vault: look for a soft-deleted secret of the name.
    GetDeleted,
    /// Vault: set a new version.
    SetSecret,
    /// Vault: disable a version.
    DisableVersion,
    /// Token endpoint: sign in with the application's secret.
    SignIn,
    /// Token endpoint: a token for the identity that rotates.
    OperatorSignIn,
}

impl Operation {
    /// Who is asked.
    pub fn service(self) -> Service {
        use Operation as O;
        match self {
            O::ReadApplication | O::ListSecrets | O::ReadServicePrincipal | O::AddSecret | O::RemoveSecret => Service::Graph,
            O::GetSecret | O::ListVersions | O::GetDeleted | O::SetSecret | O::DisableVersion => Service::Vault,
            O::SignIn | O::OperatorSignIn => Service::Token,
        }
    }

    /// After "was refused:", such as "adding a secret".
    pub fn doing(self) -> &'static str {
        match self {
            Operation::ReadApplication => "reading the application",
            Operation::ListSecrets => "listing the application's secrets",
            Operation::ReadServicePrincipal => "reading the service principal",
            Operation::AddSecret => "adding a secret to the application",
            Operation::RemoveSecret => "removing a secret of the application",
            Operation::GetSecret => "reading the secret from the vault",
            Operation::ListVersions => "listing the secret's versions",
            Operation::GetDeleted => "looking for a deleted secret of this name",
            Operation::SetSecret => "writing a new version to the vault",
            Operation::DisableVersion => "disabling a version in the vault",
            Operation::SignIn => "signing in with the application's secret",
            Operation::OperatorSignIn => "signing in as the identity that rotates",
        }
    }

    /// Whether it changes the cloud.
    pub fn changes(self) -> bool {
        use Operation as O;
        match self {
            O::AddSecret | O::RemoveSecret | O::SetSecret | O::DisableVersion => true,
            O::ReadApplication | O::ListSecrets | O::ReadServicePrincipal | O::GetSecret => false,
            O::ListVersions | O::GetDeleted | O::SignIn | O::OperatorSignIn => false,
        }
    }
}

/// How well a fact is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sure {
    /// Seen in recorded traffic of the real service.
    Recorded,
    /// In the vendor's documentation.
    Documented,
    /// In a public report with the service's own text, or in the source of a vendor's client.
    Reported,
    /// General knowledge, or our own reading; seen by nobody here.
    Unverified,
}

impl Sure {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Sure::Recorded => "recorded",
            Sure::Documented => "documented",
            Sure::Reported => "reported",
            Sure::Unverified => "unverified",
        }
    }
}

/// What a refusal is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// One of these codes: `error.code`, the code of the inner error or of a detail, an `AKV` number.
    Codes(&'static [&'static str]),
    /// One of these AADSTS numbers.
    Numbers(&'static [u32]),
    /// Any other AADSTS number, or none.
    OtherNumber,
    /// A token, but of another tenant or application.
    OtherIdentity,
    /// No statement of the token endpoint, for this reason.
    Why(Why),
    /// The kind, where the code is not known.
    Kind(RefusalKind),
}

/// Under which HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpStatus {
    /// Under these.
    Is(&'static [u16]),
    /// Probably this one; any proof of rejection will do.
    Perhaps(u16),
    /// There is no answer, or it may have any.
    Open,
}

impl HttpStatus {
    /// Whether an answer with `status` may be this row's.
    pub fn fits(self, status: u16) -> bool {
        match self {
            HttpStatus::Is(all) => all.contains(&status),
            // 408 proves nothing, and 429 is about all requests, not this one
            HttpStatus::Perhaps(_) => (400..=499).contains(&status) && status != 408 && status != 429,
            HttpStatus::Open => true,
        }
    }
}

/// One refusal. Texts may hold the placeholders of [`super::Names`].
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name, and its heading in `docs/errors.md`.
    pub name: &'static str,
    /// Who says it.
    pub service: Service,
    /// Only to these requests; to any of the service if there are none.
    pub operations: &'static [Operation],
    /// What it is known by.
    pub sign: Sign,
    /// Under which status.
    pub status: HttpStatus,
    /// What a run makes of it.
    pub kind: RefusalKind,
    /// How well it is founded.
    pub sure: Sure,
    /// Where it was seen, said or reported.
    pub source: &'static str,
    /// What happened.
    pub happened: &'static str,
    /// What is true in the cloud while it is so; empty if nothing more than that.
    pub now: &'static str,
    /// What to run or to do.
    pub next: &'static str,
    /// The same where the identity that rotates was refused its token; empty if it is the same.
    pub next_for_operator: &'static str,
}

impl Row {
    /// Whether `code` is one of its codes.
    pub fn has_code(&self, code: &str) -> bool {
        match self.sign {
            Sign::Codes(codes) => codes.contains(&code),
            Sign::Numbers(_) | Sign::OtherNumber | Sign::OtherIdentity | Sign::Why(_) | Sign::Kind(_) => false,
        }
    }

    /// Whether `number` is one of its AADSTS numbers.
    pub fn has_number(&self, number: u32) -> bool {
        match self.sign {
            Sign::Numbers(numbers) => numbers.contains(&number),
            Sign::Codes(_) | Sign::OtherNumber | Sign::OtherIdentity | Sign::Why(_) | Sign::Kind(_) => false,
        }
    }
}
