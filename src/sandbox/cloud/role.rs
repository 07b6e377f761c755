//! Application permissions of Microsoft Graph: those that the sandbox looks at, and some that it only grants.

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
    /// `AppRoleAssignment.ReadWrite.All`: grants itself and others any application permission.
    AppRoleAssignmentReadWriteAll,
    /// `Files.Read.All`: reads the files of everybody.
    FilesReadAll,
    /// `Mail.ReadWrite`: reads and changes everybody's mail.
    MailReadWrite,
    /// `RoleManagement.ReadWrite.Directory`: gives directory roles to itself and others.
    RoleManagementReadWriteDirectory,
    /// `User.Read.All`: reads the profiles of all people.
    UserReadAll,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 11] = [
        Role::ApplicationReadAll,
        Role::ApplicationReadWriteAll,
        Role::ApplicationReadWriteOwnedBy,
        Role::AuditLogReadAll,
        Role::PolicyReadAll,
        Role::PolicyReadApplicationConfiguration,
        Role::AppRoleAssignmentReadWriteAll,
        Role::FilesReadAll,
        Role::MailReadWrite,
        Role::RoleManagementReadWriteDirectory,
        Role::UserReadAll,
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
            Role::AppRoleAssignmentReadWriteAll => "AppRoleAssignment.ReadWrite.All",
            Role::FilesReadAll => "Files.Read.All",
            Role::MailReadWrite => "Mail.ReadWrite",
            Role::RoleManagementReadWriteDirectory => "RoleManagement.ReadWrite.Directory",
            Role::UserReadAll => "User.Read.All",
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
            Role::AppRoleAssignmentReadWriteAll => 0x06b7_08a9_e830_4db3_a914_8e69_da51_d44f,
            Role::FilesReadAll => 0x01d4_889c_1287_42c6_ac1f_5d1e_0257_8ef6,
            Role::MailReadWrite => 0xe2a3_a72e_5f79_4c64_b1b1_878b_6747_86c9,
            Role::RoleManagementReadWriteDirectory => 0x9e3f_62cf_ca93_4989_b6ce_bf83_c28f_9fe8,
            Role::UserReadAll => 0xdf02_1288_bdef_4463_88db_98f2_2de8_9214,
            // The sandbox's own: the real one was not found. Clients go by the name.
            Role::PolicyReadApplicationConfiguration => 0x5a9d_b0c5_4011_4000_8000_0000_0000_0001,
        })
    }
}
