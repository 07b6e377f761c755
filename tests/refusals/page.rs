//! `docs/errors.md` says what the code says.

use keyrelay::refusals::page;

const MARK: &str = "<!-- made from src/refusals -->\n";

#[test]
fn the_page_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (head, made) = page.split_once(MARK).expect("the mark after which the page is made");
    let expected = format!("\n{}", page::markdown());
    if std::env::var_os("KEYRELAY_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{head}{MARK}{expected}")).unwrap();
        return;
    }
    assert!(
        made == expected,
        "docs/errors.md is not what src/refusals says: KEYRELAY_WRITE_DOCS=1 cargo test --test refusals page"
    );
}
