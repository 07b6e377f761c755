//! HTTP GETs as consumers, against listeners on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod consumers_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use consumers_support::{NEW, OLD, SECRET, VERSION, check, check_anywhere};
use keyrelay::rotation::answers::Reported;

/// A server that answers each connection with what `answer` writes, and tells what it was asked.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut chunk) {
                    Ok(length) if length > 0 => request.extend_from_slice(&chunk[..length]),
                    _ => break,
                }
            }
            let request = String::from_utf8(request).unwrap();
            answer(&request, &mut stream);
            if asked.send(request).is_err() {
                return;
            }
        }
    });
    (port, requests)
}

fn say(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()); // the client may have had enough
}

fn get(url: &str, timeout: &str) -> String {
    format!("{{ http = \"{url}\", timeout = \"{timeout}\" }}")
}

#[test]
fn a_2xx_is_well_and_the_facts_are_headers() {
    let (port, requests) = serve(|_, stream| say(stream, "204 No Content", "", ""));
    let answer = check(&get(&format!("http://127.0.0.1:{port}/health?deep=1"), "10s"));
    assert_eq!((answer.ok, answer.reported, answer.note.as_str()), (true, Reported::Neither, ""));
    let request = requests.recv().unwrap();
    assert!(request.starts_with("GET /health?deep=1 HTTP/1.1\r\n"), "{request}");
    for header in [
        "keyrelay-run: 20261121t030000z-kbaa".to_owned(),
        format!("keyrelay-old-key-id: {OLD}"),
        format!("keyrelay-new-key-id: {NEW}"),
        format!("keyrelay-vault-version: {VERSION}"),
    ] {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "{request}");
    }
}

#[test]
fn a_body_with_the_new_key_id_is_adoption() {
    let (port, _requests) = serve(|_, stream| say(stream, "200 OK", "", &format!("{{\"keyId\":\"{NEW}\"}}\n")));
    let answer = check(&get(&format!("http://127.0.0.1:{port}/"), "10s"));
    assert_eq!((answer.ok, answer.reported), (true, Reported::New));
    assert_eq!(answer.note, format!("{{\"keyId\":\"{NEW}\"}}"));
}

#[test]
fn names_under_localhost_are_loopback() {
    let (port, _requests) = serve(|_, stream| say(stream, "200 OK", "", "here"));
    for host in ["localhost", "billing.localhost"] {
        let answer = check(&get(&format!("http://{host}:{port}/"), "10s"));
        assert_eq!((answer.ok, answer.note.as_str()), (true, "here"));
    }
}

#[test]
fn a_500_is_not_well_and_its_body_is_kept_without_secrets() {
    let (port, requests) = serve(|_, stream| {
        say(stream, "500 Internal Server Error", "", &format!("cannot sign in\nwith {SECRET} as {NEW}"));
    });
    let answer = check(&get(&format!("http://127.0.0.1:{port}/"), "3s"));
    assert_eq!((answer.ok, answer.retry), (false, true));
    let expected = format!("answered 500: cannot sign in with [struck out] as {NEW}");
    assert_eq!(answer.note, expected);
    assert_eq!(requests.try_iter().count(), 1);
}

#[test]
fn a_host_that_does_not_answer_is_not_waited_for_longer_than_its_time() {
    let (port, _requests) = serve(|_, _| std::thread::sleep(Duration::from_secs(5)));
    let begun = Instant::now();
    let answer = check(&get(&format!("http://127.0.0.1:{port}/"), "1s"));
    assert_eq!((answer.ok, answer.note.as_str()), (false, "gave no whole answer within 1s"));
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn an_answer_that_is_cut_or_never_ends_is_none() {
    let (port, _requests) = serve(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    });
    let answer = check(&get(&format!("http://127.0.0.1:{port}/"), "1s"));
    assert!(!answer.ok && answer.note.starts_with("gave no whole answer: "), "{}", answer.note);
    assert!(answer.note.ends_with(": half"), "{}", answer.note);

    let (port, _requests) = serve(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all("on and on\n".repeat(1000).as_bytes()).is_ok() {}
    });
    let answer = check(&get(&format!("http://127.0.0.1:{port}/"), "1s"));
    let expected = "gave no whole answer within 1s (it began with 200): \u{2026}";
    assert!(!answer.ok && answer.note.starts_with(expected), "{}", answer.note);
}

#[test]
fn a_redirect_is_followed_on_the_same_host_only() {
    let (port, _requests) = serve(|request, stream| {
        if request.starts_with("GET /health/ ") {
            say(stream, "200 OK", "", "well");
        } else {
            say(stream, "301 Moved Permanently", "location: /health/\r\n", "");
        }
    });
    let answer = check(&get(&format!("http://127.0.0.1:{port}/health"), "10s"));
    assert_eq!((answer.ok, answer.note.as_str()), (true, "well"));

    let (elsewhere, asked) = serve(|_, stream| say(stream, "200 OK", "", "well"));
    let (port, _requests) = serve(move |_, stream| {
        say(stream, "302 Found", &format!("location: http://127.0.0.1:{elsewhere}/\r\n"), "");
    });
    let answer = check(&get(&format!("http://127.0.0.1:{port}/"), "1s"));
    assert_eq!((answer.ok, answer.note.as_str()), (false, "answered 302 and points to another host"));
    assert!(asked.try_recv().is_err(), "the redirect was followed");

    let (port, _requests) = serve(|_, stream| say(stream, "302 Found", "location: /\r\n", ""));
    let answer = check(&get(&format!("http://127.0.0.1:{port}/"), "1s"));
    assert_eq!((answer.ok, answer.note.as_str()), (false, "gave no whole answer: it redirects without end"));
}

#[test]
fn nobody_there_is_told_and_may_be_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let answer = check(&get(&format!("http://127.0.0.1:{port}/"), "1s"));
    assert!(!answer.ok && answer.retry && answer.note.starts_with("could not be reached: "), "{}", answer.note);
    assert!(!answer.note.contains("127.0.0.1:"), "{}", answer.note);
}

#[test]
fn in_the_sandbox_nothing_but_loopback_is_asked() {
    // a name that no resolver has (RFC 6761, 6.4), so that nothing is reached even if the guard were gone
    let begun = Instant::now();
    let answer = check(&get("https://billing.contoso.invalid/health", "30s"));
    let expected = "was not asked: in the sandbox only loopback is reached, and this is another host";
    assert_eq!((answer.ok, answer.retry, answer.note.as_str()), (false, false, expected));
    assert!(begun.elapsed() < Duration::from_secs(5));
    let (port, _requests) = serve(|_, stream| say(stream, "200 OK", "", "here"));
    assert!(check_anywhere(&get(&format!("http://127.0.0.1:{port}/"), "10s")).ok);
}
