//! Microsoft Graph: the application and its password credentials.

use std::sync::OnceLock;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::AzureServices;
use super::cloud::Cloud;
use super::credential::Operator;
use super::http::{Clients, Reply, client_request_id, exchange};
use super::outcome::{Failure, ServiceError, graph_refusal};
use crate::ports::{Application, Credential, Directory, NewCredential, Outcome, Read};
use crate::rotation::answers::Trace;
use crate::rotation::names::KeyId;
use crate::secret::requests;

pub(crate) struct Graph {
    root: String,
    scope: String,
    client_id: Uuid,
    operator: Operator,
    clients: Clients,
    /// The application's `id`, once it was read. `addPassword` and `removePassword` are asked for by it: that form is recorded,
    /// the one by `appId` only documented.
    object_id: OnceLock<String>,
}

impl Graph {
    pub(crate) fn new(cloud: &Cloud, client_id: Uuid, operator: Operator, clients: Clients) -> Graph {
        let root = format!("{}/v1.0", cloud.graph());
        Graph { root, scope: cloud.graph_scope(), client_id, operator, clients, object_id: OnceLock::new() }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<(Reply, Trace), Failure> {
        let token = self.operator.token(&self.scope).await?;
        let id = client_request_id();
        let request = request.bearer_auth(token.token.secret()).header("client-request-id", &id);
        let reply = exchange(request.header("accept", "application/json")).await.map_err(|broken| broken.failure(&id))?;
        if !reply.is_success() {
            let refusal = graph_refusal(reply.status, reply.retry_after(), &ServiceError::of(&reply.body));
            return Err(reply.failure(refusal, &id));
        }
        let trace = reply.trace(&id);
        Ok((reply, trace))
    }

    /// One read of an object by the application's client ID. `parse` says what of it is wanted; `None` if it is not there.
    pub(super) async fn get<T>(
        &self,
        object: &str,
        select: &str,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<(T, Trace), Failure> {
        self.read(&format!("{object}(appId='{}')?$select={select}", self.client_id), parse).await
    }

    /// One read of what stands at `path` behind the root.
    pub(super) async fn read<T>(&self, path: &str, parse: impl Fn(&[u8]) -> Option<T>) -> Result<(T, Trace), Failure> {
        self.read_url(&format!("{}/{path}", self.root), parse).await
    }

    /// One read of a whole URL, which must be Graph's: the operator's token goes with it.
    pub(super) async fn read_url<T>(&self, url: &str, parse: impl Fn(&[u8]) -> Option<T>) -> Result<(T, Trace), Failure> {
        let (reply, trace) = self.send(self.clients.pooled.get(url)).await?;
        match parse(&reply.body) {
            Some(read) => Ok((read, trace)),
            None => Err(Failure::unreadable(reply.status, trace)),
        }
    }

    async fn read_application(&self) -> Result<(Application, Trace), Failure> {
        let client_id = self.client_id;
        let parse = move |body: &[u8]| application(body).filter(|a| same_id(&a.client_id, client_id));
        let (application, trace) =
            self.get("applications", "id,appId,displayName,signInAudience,createdDateTime", parse).await?;
        let _ = self.object_id.set(application.object_id.clone());
        Ok((application, trace))
    }

    /// Sends a change once. The read that may come before it proves nothing about the change, so its failure means *not sent*.
    async fn change(&self, action: &str, body: &serde_json::Value) -> Result<(Reply, Trace), Failure> {
        if self.object_id.get().is_none() {
            self.read_application().await.map_err(|f| Failure { may_have_landed: false, ..f })?;
        }
        let object_id = self.object_id.get().map_or("", String::as_str);
        let url = format!("{}/applications/{object_id}/{action}", self.root);
        self.send(self.clients.fresh.post(url).json(body)).await
    }

    /// Graph without a version, such as `https://graph.microsoft.com`.
    pub(super) fn host(&self) -> &str {
        self.root.strip_suffix("/v1.0").unwrap_or(&self.root)
    }

    pub(super) fn client_id(&self) -> Uuid {
        self.client_id
    }
}

impl Directory for AzureServices {
    async fn application(&self) -> Read<Application> {
        self.graph.read_application().await.or_else(Failure::into_read)
    }

    async fn credentials(&self) -> Read<Vec<Credential>> {
        self.graph.get("applications", "id,passwordCredentials", requests::listed).await.or_else(Failure::into_read)
    }

    async fn add_password(&self, display_name: &str, end: Timestamp) -> Outcome<NewCredential> {
        let body = json!({ "passwordCredential": { "displayName": display_name, "endDateTime": end } });
        let added = match self.graph.change("addPassword", &body).await {
            Ok((reply, trace)) => match requests::added(&reply.body) {
                Some(added) => Ok((added, trace)),
                None => Err(Failure::unreadable(reply.status, trace)),
            },
            Err(failure) => Err(failure),
        };
        added.map_or_else(Failure::into_outcome, |(added, trace)| Outcome::Applied(added, trace))
    }

    async fn remove_password(&self, key_id: KeyId) -> Outcome<()> {
        match self.graph.change("removePassword", &json!({ "keyId": key_id })).await {
            Ok((_, trace)) => Outcome::Applied((), trace),
            Err(failure) if says_already_gone(&failure) => Outcome::Applied((), failure.trace),
            Err(failure) => failure.into_outcome(),
        }
    }
}

/// Whether `removePassword` found nothing to remove. Graph has no code of its own for it; HashiCorp Vault's Azure plugin goes by
/// the same words. The status of that answer is not recorded anywhere, so any proof of rejection will do.
fn says_already_gone(failure: &Failure) -> bool {
    !failure.may_have_landed && failure.refusal.message.contains("No password credential found with keyId")
}

pub(super) fn application(body: &[u8]) -> Option<Application> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parsed {
        id: String,
        app_id: String,
        display_name: Option<String>,
        sign_in_audience: Option<String>,
        created_date_time: Option<String>,
    }
    let parsed: Parsed = serde_json::from_slice(body).ok()?;
    // The id goes into the path of the changes.
    Uuid::try_parse(&parsed.id).ok()?;
    // With personal accounts in the audience a third secret is refused (TooManyAppPasswords).
    let personal = ["AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"];
    let room = parsed.sign_in_audience.filter(|a| personal.contains(&a.as_str())).map(|_| 2);
    let display_name = parsed.display_name.unwrap_or_default();
    let created = parsed.created_date_time.and_then(|t| t.parse().ok());
    Some(Application { object_id: parsed.id, client_id: parsed.app_id, display_name, room, created })
}

fn same_id(text: &str, id: Uuid) -> bool {
    Uuid::try_parse(text).is_ok_and(|t| t == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::answers::RefusalKind;
    use proptest::prelude::*;

    #[test]
    fn personal_accounts_leave_room_for_two() {
        let room = |audience: &str| {
            let id = "765eb0e3-acb3-475d-9a98-ee6892f081c8";
            application(json!({"id": id, "appId": id, "signInAudience": audience}).to_string().as_bytes()).unwrap().room
        };
        assert_eq!(room("AzureADandPersonalMicrosoftAccount"), Some(2));
        assert_eq!(room("PersonalMicrosoftAccount"), Some(2));
        assert_eq!(room("AzureADMyOrg"), None);
        assert_eq!(room("AzureADMultipleOrgs"), None);
    }

    #[test]
    fn an_object_id_that_is_none_is_not_taken() {
        assert!(application(br#"{"id":"../me","appId":"afb85a07-e312-4d49-b75b-9db4e2d683cd"}"#).is_none());
    }

    #[test]
    fn only_a_proven_refusal_counts_as_already_gone() {
        let said = "No password credential found with keyId '73c912d2-fd2d-42a0-b3ae-2e45d006b8bc'.";
        let failure = |status| Failure {
            refusal: graph_refusal(status, None, &ServiceError { message: said.into(), ..ServiceError::default() }),
            trace: Trace::default(),
            may_have_landed: super::super::outcome::may_have_landed(status),
        };
        assert!(says_already_gone(&failure(400)));
        assert!(says_already_gone(&failure(404)));
        assert!(!says_already_gone(&failure(503)));
        assert!(!says_already_gone(&Failure::before_sending(RefusalKind::Rejected, "", "another message")));
    }

    proptest! {
        #[test]
        fn no_object_stops_us(body in "\\PC*", id in "\\PC{0,40}") {
            prop_assert!(application(body.as_bytes()).is_none());
            let object = json!({"id": id, "appId": id, "signInAudience": id}).to_string();
            // what goes into a path is a GUID
            prop_assert!(application(object.as_bytes()).is_none_or(|a| Uuid::try_parse(&a.object_id).is_ok()));
        }
    }
}
