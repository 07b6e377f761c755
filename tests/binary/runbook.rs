//! Runbooks of these suites: the same one, with this or that changed.

use std::fmt::Write;

use keyrelay::sandbox::cloud::TENANT;

use super::scene::{CLIENT, EAST, SECRET, WEST};

/// A runbook for the sandbox.
#[derive(Clone)]
pub struct Book {
    /// Of the file, without its ending.
    pub name: &'static str,
    /// Hosts.
    pub vaults: Vec<&'static str>,
    pub window: &'static str,
    pub limit: &'static str,
    pub overlap: &'static str,
    pub settle: &'static str,
    /// More fields of the top, as they are written.
    pub fields: &'static str,
    /// More tables, as they are written.
    pub tables: &'static str,
}

impl Book {
    /// One vault; waits that a test can bear.
    pub fn one() -> Book {
        Book {
            name: "runbook",
            vaults: vec![EAST],
            window: "300ms",
            limit: "20s",
            overlap: "300ms",
            settle: "300ms",
            fields: "",
            tables: "",
        }
    }

    /// The same secret in two vaults.
    pub fn two() -> Book {
        Book { vaults: vec![EAST, WEST], ..Book::one() }
    }

    pub fn text(&self) -> String {
        let Book { window, limit, overlap, settle, fields, tables, .. } = self;
        let mut text = format!(
            "# A secret of the suites\n\n```toml keyrelay\ncloud = \"sandbox\"\ntenant = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n\
             owner = \"Suite\"\ncontact = \"Nobody\"\noverlap = \"{overlap}\"\nsettle = \"{settle}\"\n{fields}\n\
             [secret]\nlabel = \"suite\"\nlifetime = \"90d\"\n\n\
             [proof]\nwindow = \"{window}\"\nspacing = \"100ms\"\nlimit = \"{limit}\"\n\n"
        );
        for vault in &self.vaults {
            let _ = writeln!(
                text,
                "[[vault]]\nurl = \"https://{vault}\"\nsecret = \"{SECRET}\"\ntags = {{ team = \"suite\" }}\n"
            );
        }
        text + tables + "```\n"
    }
}
