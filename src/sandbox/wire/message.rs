//! Requests and responses, as far as the services look at them.

use jiff::Timestamp;
use serde_json::Value as Json;

/// A request. It has no `Debug`: headers and body carry secrets.
#[derive(Clone, Default)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// As the client named it, with a port if it gave one.
    pub host: String,
    /// Undecoded.
    pub path: String,
    /// Undecoded, without the question mark.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The bearer token.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    /// A query parameter; names and values may be percent-encoded and `+` is a blank.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }

    /// The decoded segments of the path, without empty ones: a slash at the end changes nothing.
    pub(super) fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|s| !s.is_empty()).map(percent_decoded).collect()
    }

    /// `https://` and the host as the client named it.
    pub(super) fn base(&self) -> String {
        format!("https://{}", self.host)
    }
}

/// A response. It has no `Debug`: its body may carry a secret.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Empty if there is none.
    pub body: Vec<u8>,
}

impl Response {
    pub(super) fn empty(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A body of JSON, and nothing else.
    pub(in crate::sandbox) fn of_json(status: u16, body: &Json) -> Response {
        Response::json(status, "application/json; charset=utf-8", body)
    }

    pub(super) fn json(status: u16, content_type: &str, body: &Json) -> Response {
        let response = Response { status, headers: Vec::new(), body: body.to_string().into_bytes() };
        response.header("content-type", content_type)
    }

    pub(super) fn text(status: u16, body: &str) -> Response {
        let response = Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        response.header("content-type", "text/plain")
    }

    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub(super) fn fixed(mut self, headers: &[(&'static str, &str)]) -> Response {
        self.headers.extend(headers.iter().map(|(n, v)| (*n, (*v).to_owned())));
        self
    }
}

/// As RFC 9110 section 5.6.7 has it.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub(super) fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn percent_decoded(text: &str) -> String {
    let mut rest = text.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.first_chunk::<2>().filter(|d| *first == b'%' && d.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| u8::from_str_radix(d, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_parameters_are_decoded() {
        let request = Request {
            path: "/v1.0/applications%28appId=%27x%27%29/".into(),
            query: "api%2Dversion=7.4&%24filter=appId+eq%20'a'".into(),
            ..Request::default()
        };
        assert_eq!(request.segments(), ["v1.0", "applications(appId='x')"]);
        assert_eq!(request.parameter("api-version").as_deref(), Some("7.4"));
        assert_eq!(request.parameter("$filter").as_deref(), Some("appId eq 'a'"));
        assert_eq!(["%", "%2", "%zz", "a%41", "%+1b"].map(percent_decoded), ["%", "%2", "%zz", "aA", "%+1b"]);
    }

    #[test]
    fn dates_are_in_the_form_of_http() {
        // RFC 9110 section 5.6.7's own example.
        assert_eq!(http_date(Timestamp::from_second(784_111_777).unwrap()), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
