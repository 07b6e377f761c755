//! From a file's bytes to its TOML: the fenced block of a Markdown file, or the whole of a `.toml` file.
//!
//! Fences follow CommonMark 0.31 section 4.5: three or more backticks or tildes, indented by three blanks at most, closed by at
//! least as many of the same kind. So a block that is quoted inside a longer fence is text, here as in any viewer.

use std::ops::Range;

use super::problem::{Place, Problem, Wrong};

/// The longest file that is read, in bytes.
const LIMIT: usize = 1 << 20;

const OPEN: &str = "```toml keyrelay";

/// A file's text, and where its TOML lies in it.
pub(super) struct Document<'a> {
    /// The whole text, without a byte order mark.
    pub(super) text: &'a str,
    /// The place of the TOML in it, in bytes.
    pub(super) toml: Range<usize>,
}

impl<'a> Document<'a> {
    /// Finds the TOML of the file called `name`.
    pub(super) fn find(bytes: &'a [u8], name: &str) -> Result<Document<'a>, Problem> {
        let text = decode(bytes)?;
        let is_toml = name.len() >= 5 && name.to_ascii_lowercase().ends_with(".toml");
        let toml = if is_toml { 0..text.len() } else { block(text)? };
        Ok(Document { text, toml })
    }

    /// The TOML.
    pub(super) fn toml(&self) -> &'a str {
        self.text.get(self.toml.clone()).unwrap_or_default()
    }
}

fn problem(place: Option<Place>, wrong: Wrong) -> Problem {
    Problem { place, field: String::new(), what: wrong.what, instead: wrong.instead }
}

fn decode(bytes: &[u8]) -> Result<&str, Problem> {
    if bytes.len() > LIMIT {
        let what = format!("the file is larger than 1 MiB ({} bytes)", bytes.len());
        return Err(problem(None, Wrong::new(what, "A runbook is a page or two; is this the right file?")));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(problem(None, Wrong::new("the file is UTF-16", "Save it as UTF-8")));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let place = Some(Place::of(bytes, e.valid_up_to()));
        problem(place, Wrong::new("the file is not UTF-8", "Save it as UTF-8; the first byte that is not stands here"))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// An opening fence.
struct Fence<'a> {
    mark: char,
    length: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    fn opened_by(line: &'a str) -> Option<Fence<'a>> {
        let bare = line.trim_start_matches(' ');
        let mark = bare.chars().next().filter(|c| ['`', '~'].contains(c))?;
        let info = bare.trim_start_matches(mark);
        let length = bare.len() - info.len();
        let fence = line.len() - bare.len() <= 3 && length >= 3 && !(mark == '`' && info.contains('`'));
        fence.then_some(Fence { mark, length, info: info.trim() })
    }

    fn closed_by(&self, line: &str) -> bool {
        Fence::opened_by(line).is_some_and(|f| f.mark == self.mark && f.length >= self.length && f.info.is_empty())
    }

    fn is_ours(&self) -> bool {
        self.info.split_whitespace().eq(["toml", "keyrelay"])
    }

    /// Looks meant for us, but is not.
    fn is_near(&self) -> bool {
        let info = self.info.to_ascii_lowercase();
        info.starts_with("toml") || info.contains("keyrelay")
    }
}

/// The one block whose info string is `toml keyrelay`.
fn block(text: &str) -> Result<Range<usize>, Problem> {
    let mut open: Option<(Fence<'_>, usize, usize)> = None;
    let mut found: Option<(Range<usize>, usize)> = None;
    let (mut near, mut start) = (None, 0);
    for (number, whole) in (1..).zip(text.split_inclusive('\n')) {
        let line = whole.trim_end_matches(['\r', '\n']);
        let end = start + whole.len();
        match open.take() {
            Some((fence, content, at)) if fence.closed_by(line) && fence.is_ours() => {
                if let Some((_, first)) = found {
                    let what = format!("the file has two blocks that begin with {OPEN}, on lines {first} and {at}");
                    let instead = "One runbook rotates one secret: split it into two files";
                    return Err(problem(Some(Place { line: at, column: 1 }), Wrong::new(what, instead)));
                }
                found = Some((content..start, at));
            }
            Some((fence, _, _)) if fence.closed_by(line) => {}
            Some(still) => open = Some(still),
            None => {
                if let Some(fence) = Fence::opened_by(line) {
                    near = near.or((fence.is_near() && !fence.is_ours()).then_some(number));
                    open = Some((fence, end, number));
                }
            }
        }
        start = end;
    }
    match (open, found) {
        (Some((fence, _, at)), _) if fence.is_ours() => {
            let what = "the runbook's block that begins here never ends";
            let close: String = std::iter::repeat_n(fence.mark, fence.length).collect();
            let instead = format!("Close it with a line of {close}");
            Err(problem(Some(Place { line: at, column: 1 }), Wrong::new(what, instead)))
        }
        (_, Some((toml, _))) => Ok(toml),
        (open, None) => Err(no_block(open.map(|(_, _, at)| at), near)),
    }
}

fn no_block(unclosed: Option<usize>, near: Option<usize>) -> Problem {
    let what = format!("the file has no block that begins with {OPEN}");
    let (line, instead) = match (near, unclosed) {
        (Some(line), _) => (line, format!("If this block is the runbook, begin it with {OPEN}")),
        (None, Some(line)) => (line, "The code block that begins here never ends and hides the rest: close it".to_owned()),
        (None, None) => {
            let instead = format!("Put the settings between a line {OPEN} and a line ```, or name a plain TOML file *.toml");
            return problem(None, Wrong::new(what, instead));
        }
    };
    problem(Some(Place { line, column: 1 }), Wrong::new(what, instead))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toml(text: &str) -> Result<&str, Problem> {
        Document::find(text.as_bytes(), "a.md").map(|d| d.toml())
    }

    #[test]
    fn the_block_is_found_with_blanks_crlf_tildes_and_a_byte_order_mark() {
        assert_eq!(toml("# T\n\n```toml keyrelay\na = 1\n```\nmore\n"), Ok("a = 1\n"));
        assert_eq!(toml("```toml keyrelay\r\na = 1\r\n```\r\n"), Ok("a = 1\r\n"));
        assert_eq!(toml("   ~~~~  toml   keyrelay \na = 1\n~~~\n  ~~~~~\n"), Ok("a = 1\n~~~\n"));
        assert_eq!(toml("\u{feff}```toml keyrelay\n```"), Ok(""));
    }

    #[test]
    fn other_blocks_and_quoted_ones_are_text() {
        assert_eq!(toml("```sh\nx\n```\n````md\n```toml keyrelay\nb\n```\n````\n```toml keyrelay\na\n```\n"), Ok("a\n"));
    }

    #[test]
    fn a_toml_file_is_taken_whole() {
        let document = Document::find(b"\xef\xbb\xbfa = 1\n", "x.TOML").unwrap();
        assert_eq!(document.toml(), "a = 1\n");
    }

    #[test]
    fn each_way_to_miss_the_block_has_its_own_message_and_line() {
        let says = |text: &str| {
            let p = toml(text).unwrap_err();
            (p.place.map(|p| p.line), p.to_string())
        };
        let (line, text) = says("# Only prose\n");
        assert_eq!(line, None);
        assert!(text.contains("no block that begins with ```toml keyrelay"), "{text}");
        let (line, text) = says("a\n\n```toml\nx = 1\n```\n");
        assert!(line == Some(3) && text.contains("begin it with"), "{text}");
        let (line, text) = says("a\n```toml keyrelay\nx = 1\n");
        assert!(line == Some(2) && text.contains("never ends"), "{text}");
        let (line, text) = says("```sh\n\n```toml keyrelay\nx = 1\n");
        assert!(line == Some(1) && text.contains("hides the rest"), "{text}");
        let (line, text) = says("```toml keyrelay\n```\n\n```toml keyrelay\n```\n");
        assert!(line == Some(4) && text.contains("lines 1 and 4"), "{text}");
    }

    #[test]
    fn what_is_not_utf8_or_too_large_is_named() {
        let error = |bytes: &[u8]| Document::find(bytes, "a.md").err().unwrap();
        assert_eq!(error(b"ok\nab\xffc").place, Some(Place { line: 2, column: 3 }));
        assert!(error(b"\xff\xfea\0").what.contains("UTF-16"));
        assert!(Document::find(&vec![b'\n'; LIMIT], "a.toml").is_ok());
        assert!(error(&vec![b'\n'; LIMIT + 1]).what.contains("1 MiB"));
    }
}
