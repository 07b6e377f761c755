//! Application permissions of Microsoft Graph, as far as the sandbox looks at them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An application permission: what a token's claim `roles` names and an app role assignment grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// `Application.Read.All`: reads all applications and service principals.
    ApplicationReadAll,
    /// `Application.ReadWrite.All`: reads and changes all of them.
    ApplicationReadWriteAll,
    /// `Application.ReadWrite.OwnedBy`: reads and changes those that the caller owns.
    ApplicationReadWriteOwnedBy,
    /// `AuditLog.Read.All`: reads sign-in records.
    AuditLogReadAll,
    /// `Policy.Read.All`: reads all policies.
    PolicyReadAll,
    /// `Policy.Read.ApplicationConfiguration`: reads app management policies.
    PolicyReadApplicationConfiguration,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 6] = [
        Role::ApplicationReadAll,
        Role::ApplicationReadWriteAll,
        Role::ApplicationReadWriteOwnedBy,
        Role::AuditLogReadAll,
        Role::PolicyReadAll,
        Role::PolicyReadApplicationConfiguration,
    ];

    /// As a token's claim `roles` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::ApplicationReadAll => "Application.Read.All",
            Role::ApplicationReadWriteAll => "Application.ReadWrite.All",
            Role::ApplicationReadWriteOwnedBy => "Application.ReadWrite.OwnedBy",
            Role::AuditLogReadAll => "AuditLog.Read.All",
            Role::PolicyReadAll => "Policy.Read.All",
            Role::PolicyReadApplicationConfiguration => "Policy.Read.ApplicationConfiguration",
        }
    }

    /// The role that a claim names, if the sandbox knows it.
    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|r| r.as_str() == name)
    }

    /// `appRoleId`: the same in every tenant (Microsoft Graph permissions reference).
    pub fn id(self) -> Uuid {
        Uuid::from_u128(match self {
            Role::ApplicationReadAll => 0x9a5d_68dd_52b0_4cc2_bd40_abcf_44ac_3a30,
            Role::ApplicationReadWriteAll => 0x1bfe_fb4e_e0b5_418b_a88f_73c4_6d2c_c8e9,
            Role::ApplicationReadWriteOwnedBy => 0x18a4_783c_866b_4cc7_a460_3d5e_5662_c884,
            Role::AuditLogReadAll => 0xb0af_ded3_3588_46d8_8b3d_9842_eff7_78da,
            Role::PolicyReadAll => 0x246d_d0d5_5bd0_4def_940b_0421_030a_5b68,
            // The sandbox's own: the real one was not found. Clients go by the name.
            Role::PolicyReadApplicationConfiguration => 0x5a9d_b0c5_4011_4000_8000_0000_0000_0001,
        })
    }
}
