//! An HTTP GET: 2xx is well. The facts go as headers, a redirect is followed on the same host only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use tokio::time::timeout;
use url::{Host, Url};

use super::note::Tail;
use super::{Reach, Try, Went, about, facts};
use crate::ports::Told;

/// The most redirects that one GET follows.
const REDIRECTS: usize = 5;

/// Gets it once, within `limit`. An answer counts only if all of it came in time.
pub(super) async fn get(url: &Url, reach: Reach, told: &Told, limit: Duration) -> Try {
    if reach == Reach::Loopback && !is_loopback(url) {
        let what = "was not asked: in the sandbox only loopback is reached, and this is another host";
        return Try::new(Went::Hopelessly, what);
    }
    let client = match client(url) {
        Ok(client) => client,
        Err(error) => return Try::new(Went::Hopelessly, format!("could not be asked: {}", cause(&error))),
    };
    let mut request = client.get(url.clone());
    for (name, fact) in facts(told) {
        request = request.header(format!("keyrelay-{name}"), fact);
    }
    let mut tail = Tail::default();
    let mut status = None;
    let exchange = async {
        let mut response = request.send().await?;
        status = Some(response.status());
        while let Some(chunk) = response.chunk().await? {
            tail.push(&chunk);
        }
        Ok::<_, reqwest::Error>(response.status())
    };
    let (went, what) = match timeout(limit, exchange).await {
        Ok(Ok(status)) if status.is_success() => (Went::Well, String::new()),
        Ok(Ok(status)) if status.is_redirection() => {
            (Went::Badly, format!("answered {} and points to another host", status.as_u16()))
        }
        Ok(Ok(status)) => (Went::Badly, format!("answered {}", status.as_u16())),
        Ok(Err(error)) if error.is_connect() => (Went::Badly, format!("could not be reached: {}", cause(&error))),
        Ok(Err(error)) => (Went::Badly, format!("gave no whole answer: {}", cause(&error))),
        Err(_) => {
            let began = status.map_or(String::new(), |s| format!(" (it began with {})", s.as_u16()));
            (Went::Badly, format!("gave no whole answer within {}{began}", about(limit)))
        }
    };
    Try::new(went, what).saying([tail])
}

/// A client for one request: nothing is kept open, and what is on loopback is never asked through a proxy or looked up.
fn client(url: &Url) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("keyrelay/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::custom(on_the_same_host))
        .retry(reqwest::retry::never())
        .referer(false);
    let (true, Some(Host::Domain(name))) = (is_loopback(url), url.host()) else {
        return if is_loopback(url) { builder.no_proxy().build() } else { builder.build() };
    };
    // RFC 6761, 6.3: names under `localhost` are loopback; not every resolver knows
    let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|ip| SocketAddr::new(ip, 0));
    builder.no_proxy().resolve_to_addrs(name, &local).build()
}

fn on_the_same_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let here = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    match (here, attempt.previous().len()) {
        (true, count) if count <= REDIRECTS => attempt.follow(),
        (true, _) => attempt.error("it redirects without end"),
        (false, _) => attempt.stop(),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The deepest cause: without the URL, which the report has already.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
