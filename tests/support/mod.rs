//! An HTTPS server on loopback that answers as it is told, and remembers what it was asked.
//!
//! It has the sandbox's host names and a certificate authority of its own, so that the shipped code reaches it through its sandbox
//! constructor. It speaks HTTP/1.1 by hand, because what the tests need most is to break it.
#![allow(dead_code, unreachable_pub)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The `Date` of every answer, and the same as a timestamp.
pub const DATE: (&str, &str) = ("Sat, 07 May 2022 06:52:44 GMT", "2022-05-07T06:52:44Z");

/// The `request-id` of every answer.
pub const REQUEST_ID: &str = "66656a0f-c2d8-454a-8e7e-a734d061a35f";

/// What the server does with one request.
#[derive(Clone)]
pub enum Answer {
    /// A whole answer with these further headers.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Reads the request and closes the connection.
    CloseBefore,
    /// Announces more than it sends, then closes.
    CutBody(u16, Vec<u8>),
    /// Reads the request and is silent.
    Hang,
    /// Sends a body that does not end.
    Endless(u16),
    /// Sends a body one byte at a time, never silent for long and never done.
    Drip(u16),
}

/// A whole JSON answer.
pub fn json(status: u16, body: impl ToString) -> Answer {
    Answer::Whole(status, vec![("content-type", "application/json".into())], body.to_string().into_bytes())
}

/// A whole answer that is not JSON.
pub fn html(status: u16) -> Answer {
    Answer::Whole(
        status,
        vec![("content-type", "text/html".into())],
        b"<html>AADSTS7000215: Service Unavailable</html>".to_vec(),
    )
}

/// A redirect.
pub fn redirect(to: &str) -> Answer {
    Answer::Whole(307, vec![("location", to.into())], Vec::new())
}

/// The same answer with one more header.
pub fn with(answer: Answer, name: &'static str, value: &str) -> Answer {
    let Answer::Whole(status, mut headers, body) = answer else { return answer };
    headers.push((name, value.into()));
    Answer::Whole(status, headers, body)
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub connection: usize,
    pub method: String,
    pub host: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

struct Rule {
    method: &'static str,
    place: &'static str,
    answers: VecDeque<Answer>,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    seen: Vec<Seen>,
}

/// The server. It ends with the test's runtime.
pub struct Canned {
    pub address: SocketAddr,
    pub ca_pem: String,
    state: Arc<Mutex<State>>,
}

impl Canned {
    pub async fn start() -> Canned {
        let (config, ca_pem) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            for connection in 0.. {
                let Ok((tcp, _)) = listener.accept().await else { return };
                tokio::spawn(serve(acceptor.clone(), tcp, connection, shared.clone()));
            }
        });
        Canned { address, ca_pem, state }
    }

    /// Answers requests of `method` whose host and target, one after the other, contain `place`. The answers are given in turn, the
    /// last one again and again. Later rules win. `OPERATOR` is the method of the operator's sign-ins, which succeed if nothing
    /// else was said.
    pub fn on(&self, method: &'static str, place: &'static str, answers: impl IntoIterator<Item = Answer>) -> &Canned {
        let rule = Rule { method, place, answers: answers.into_iter().collect() };
        self.state.lock().unwrap().rules.insert(0, rule);
        self
    }

    /// What arrived of `method` at `place`, in order.
    pub fn seen(&self, method: &str, place: &str) -> Vec<Seen> {
        let state = self.state.lock().unwrap();
        let fits = |s: &&Seen| s.method == method && format!("{}{}", s.host, s.target).contains(place);
        state.seen.iter().filter(fits).cloned().collect()
    }

    /// Everything that arrived except the operator's sign-ins, as `METHOD host`.
    pub fn order(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.seen.iter().filter(|s| s.method != "OPERATOR").map(|s| format!("{} {}", s.method, s.host)).collect()
    }

    /// Forgets what arrived.
    pub fn forget(&self) {
        self.state.lock().unwrap().seen.clear();
    }
}

fn tls() -> (ServerConfig, String) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let names = ["login.sandbox.localhost", "graph.sandbox.localhost", "*.vault.sandbox.localhost"];
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(names.map(String::from)).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap();
    (config, ca_cert.pem())
}

async fn serve(acceptor: TlsAcceptor, tcp: TcpStream, connection: usize, state: Arc<Mutex<State>>) {
    let Ok(mut stream) = acceptor.accept(tcp).await else { return };
    while let Some(seen) = read_request(&mut stream, connection).await {
        let answer = {
            let mut state = state.lock().unwrap();
            state.seen.push(seen.clone());
            choose(&mut state.rules, &seen)
        };
        if !write_answer(&mut stream, answer).await {
            return;
        }
    }
}

fn choose(rules: &mut [Rule], seen: &Seen) -> Answer {
    let place = format!("{}{}", seen.host, seen.target);
    let rule = rules.iter_mut().find(|r| r.method == seen.method && place.contains(r.place));
    match rule {
        Some(rule) if rule.answers.len() > 1 => rule.answers.pop_front().unwrap(),
        Some(rule) => rule.answers.front().cloned().unwrap(),
        None if seen.method == "OPERATOR" => {
            json(200, r#"{"token_type":"Bearer","expires_in":3599,"access_token":"operator-token"}"#)
        }
        None => json(418, r#"{"error":{"code":"Unscripted"}}"#),
    }
}

async fn read_request(stream: &mut TlsStream<TcpStream>, connection: usize) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let pair = |line: &str| line.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(pair).collect();
    let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let length: usize = find("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[head_end + 4..head_end + 4 + length]).into_owned();
    let host = find("host").unwrap_or_default();
    let operator = host == "login.sandbox.localhost" && body.contains("client_id=operator");
    let method = if operator { "OPERATOR".to_owned() } else { method };
    Some(Seen { connection, method, host, target, headers, body })
}

/// Whether the connection goes on.
async fn write_answer(stream: &mut TlsStream<TcpStream>, answer: Answer) -> bool {
    let head = |status: u16, headers: &[(&str, String)], length: usize| {
        let further: String = headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        let id = format!("request-id: {REQUEST_ID}\r\nx-ms-request-id: {REQUEST_ID}\r\n");
        let length = if status == 204 { String::new() } else { format!("content-length: {length}\r\n") };
        format!("HTTP/1.1 {status} X\r\ndate: {}\r\n{id}{further}{length}\r\n", DATE.0)
    };
    match answer {
        Answer::Whole(status, headers, body) => {
            let bytes = [head(status, &headers, body.len()).as_bytes(), &body].concat();
            stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok()
        }
        Answer::CloseBefore => false,
        Answer::CutBody(status, body) => {
            let bytes = [head(status, &[], body.len() + 100).as_bytes(), &body].concat();
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            false
        }
        Answer::Hang => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            false
        }
        Answer::Endless(status) => {
            let _ = stream.write_all(head(status, &[], 1 << 40).as_bytes()).await;
            let chunk = vec![b' '; 1 << 16];
            while stream.write_all(&chunk).await.is_ok() {}
            false
        }
        Answer::Drip(status) => {
            let _ = stream.write_all(head(status, &[], 100_000).as_bytes()).await;
            while stream.write_all(b" ").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            false
        }
    }
}

/// A recorded answer's body from the vectors, or `None` with a note if they are not there.
pub fn vector(name: &str) -> Option<serde_json::Value> {
    let folder =
        std::env::var("KEYRELAY_VECTORS").unwrap_or_else(|_| format!("{}/../shared/vectors", env!("CARGO_MANIFEST_DIR")));
    let Ok(text) = std::fs::read_to_string(format!("{folder}/{name}.json")) else {
        println!("skipped: no vector {name} (KEYRELAY_VECTORS names their folder)");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// The answer of a recorded exchange.
pub fn recorded(name: &str) -> Option<Answer> {
    let vector = vector(name)?;
    let (status, body) = match vector.pointer("/upstream/response") {
        Some(live) => (&live["status"], live["body"].to_string()),
        None => (&vector["response"]["status"], vector["response"]["body_text"].as_str().unwrap_or_default().to_owned()),
    };
    Some(json(u16::try_from(status.as_u64().unwrap()).unwrap(), body))
}
