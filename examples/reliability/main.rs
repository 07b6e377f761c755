//! The table of what was tried: `cargo run --example reliability`, after `cargo test`, `.ci/thorough` or `.ci/soak`. With `write` it
//! goes where README.md and docs/reliability.md say, between `<!-- reliability:NAME -->` and `<!-- /reliability -->`: no figure there
//! is typed by hand.
#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a program of its own that reads files and prints
#![allow(clippy::indexing_slicing)] // of JSON by name, which never panics

mod details;
mod results;
mod rows;

use std::error::Error;
use std::path::Path;

use results::Results;

/// Where the tables go.
const PAGES: [&str; 3] = ["README.md", "docs/reliability.md", "docs/mutation.md"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let results = Results::read(&root.join("target"))?;
    match std::env::args().nth(1).as_deref() {
        None => println!("{}", block("table", &results).unwrap_or_default()),
        Some("write") => {
            for page in PAGES {
                let file = root.join(page);
                let text = std::fs::read_to_string(&file).map_err(|e| format!("{page}: {e}"))?;
                let filled = fill(&text, |name| block(name, &results)).map_err(|e| format!("{page}: {e}"))?;
                if filled != text {
                    std::fs::write(&file, filled)?;
                    println!("{page} written");
                }
            }
        }
        Some(other) => return Err(format!("{other:?}: only `write` is known").into()),
    }
    Ok(())
}

/// What a page may ask for.
fn block(name: &str, results: &Results) -> Option<String> {
    match name {
        "table" => Some(rows::table(results)),
        "consumers" => Some(details::consumers(results)),
        "scenes" => Some(details::scenes(results)),
        "rules" => Some(details::rules(results)),
        "suites" => Some(details::suites(results)),
        "mutation" => Some(details::mutation(results)),
        _ => None,
    }
}

const OPENS: &str = "<!-- reliability:";
const CLOSES: &str = "<!-- /reliability -->";

/// The text with each block made anew. A block that is not known or not closed is an error: it would be left as it was.
fn fill(text: &str, block: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(OPENS) {
        let (name, body) = after.split_once(" -->").ok_or("a block's name does not end")?;
        let (_, behind) = body.split_once(CLOSES).ok_or(format!("block {name} is not closed"))?;
        let made = block(name).ok_or(format!("block {name} is not known"))?;
        out = format!("{out}{before}{OPENS}{name} -->\n{}\n{CLOSES}", made.trim_end());
        rest = behind;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_a_block_is_replaced() {
        let page = "a\n<!-- reliability:x -->\nold\n<!-- /reliability -->\nb <!-- reliability:y --><!-- /reliability -->";
        let made = fill(page, |name| Some(format!("new {name}\n\n"))).unwrap();
        let expected = "a\n<!-- reliability:x -->\nnew x\n<!-- /reliability -->\nb <!-- reliability:y -->\nnew y\n\
                        <!-- /reliability -->";
        assert_eq!(made, expected);
        assert_eq!(fill(&made, |name| Some(format!("new {name}"))).unwrap(), expected, "the same again");
    }

    #[test]
    fn a_block_that_would_stay_as_it_was_is_an_error() {
        assert!(fill("<!-- reliability:x -->\nold", |_| Some(String::new())).is_err());
        assert!(fill("<!-- reliability:x --><!-- /reliability -->", |_| None).is_err());
    }
}
