//! The part of `docs/errors.md` that is made from the table.

use std::fmt::Write;

use super::row::{HttpStatus, Row, Service, Sign};
use super::{Names, Words, rows};

/// Everything from the first heading of a service on, in Markdown.
pub fn markdown() -> String {
    let mut page = String::new();
    for (service, title) in [
        (Service::Graph, "Microsoft Graph"),
        (Service::Vault, "Key Vault"),
        (Service::Token, "The token endpoint"),
        (Service::Any, "Any service, where the code is not known"),
    ] {
        let of_service = || rows().filter(move |r| r.service == service);
        // writing to a String cannot fail
        let _ = write!(page, "## {title}\n| says | HTTP | is | how sure |\n|---|---|---|---|\n");
        for row in of_service() {
            let (says, status, name) = (says(row), status(row.status), row.name);
            let _ = writeln!(page, "| {says} | {status} | [{name}](#{name}) | {}: {} |", row.sure.word(), row.source);
        }
        page.push('\n');
        for row in of_service() {
            let words = Words::of_row(row, &Names::default());
            let _ = writeln!(page, "### {}\n- What happened: {}", row.name, words.happened);
            if !words.now.is_empty() {
                let _ = writeln!(page, "- What is true: {}", words.now);
            }
            let _ = writeln!(page, "- What to run: {}", words.next);
            if !row.next_for_operator.is_empty() {
                let other = Row { next: row.next_for_operator, ..*row };
                let _ = writeln!(
                    page,
                    "- If it is the identity that rotates: {}",
                    Words::of_row(&other, &Names::default()).next
                );
            }
            page.push('\n');
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn says(row: &Row) -> String {
    let to: Vec<&str> = row.operations.iter().map(|o| o.doing()).collect();
    let to = if to.is_empty() { String::new() } else { format!(" ({})", to.join(", or ")) };
    format!("{}{to}", sign(row))
}

fn sign(row: &Row) -> String {
    let code = |c: &str| format!("`{c}`");
    match row.sign {
        Sign::Codes(codes) => codes.iter().map(|c| code(c)).collect::<Vec<_>>().join(", "),
        Sign::Numbers(numbers) => numbers.iter().map(|n| code(&format!("AADSTS{n}"))).collect::<Vec<_>>().join(", "),
        Sign::OtherNumber => "any other number, or none".to_owned(),
        Sign::OtherIdentity => "a token of another identity".to_owned(),
        Sign::Why(why) => why.words().to_owned(),
        Sign::Kind(_) => "anything else of this kind".to_owned(),
    }
}

fn status(status: HttpStatus) -> String {
    match status {
        HttpStatus::Is(all) => all.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
        HttpStatus::Perhaps(one) => format!("{one}, or another 4xx"),
        HttpStatus::Open => "any, or none".to_owned(),
    }
}
