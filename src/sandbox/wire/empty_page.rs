//! A list that begins with an empty page: lawful in Graph (paging.md) and in Key Vault, and a trap for clients that stop there.

use serde_json::{Value as Json, json};

use super::message::{Request, Response};
use super::{graph_query, vault_bodies};

/// The same list, its first page put off: what is answered holds nothing but the link to it. Anything else stays as it is.
pub(super) fn emptied(request: &Request, service: &str, mut response: Response) -> Response {
    let first = request.parameter("$skiptoken").is_none();
    let Ok(Json::Object(mut body)) = serde_json::from_slice::<Json>(&response.body) else { return response };
    if !first || response.status != 200 || !body.get("value").is_some_and(Json::is_array) {
        return response;
    }
    body.insert("value".to_owned(), json!([]));
    match service {
        "graph" => body.insert("@odata.nextLink".to_owned(), graph_query::link_to_the_first(request).into()),
        _ => body.insert("nextLink".to_owned(), vault_bodies::link_to_the_first(request).into()),
    };
    response.body = Json::Object(body).to_string().into_bytes();
    response
}
