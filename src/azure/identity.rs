//! Who acts: read from the claims of the operator's own access token.
//!
//! The signature is NOT verified. The token is ours, it came from its issuer over TLS, and what it says is only shown and
//! compared with what a run is about; no decision of trust hangs on it. (An API that *receives* a token must verify it.)
//! Claims: learn.microsoft.com/entra/identity-platform/access-token-claims-reference. Microsoft calls tokens for Graph and Key
//! Vault opaque to their clients, so a token that cannot be read is lawful and gives `None`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::AzureServices;
use super::headers::identifier;
use crate::ports::{Identity, IdentityKind, Read};
use crate::rotation::answers::Trace;

impl AzureServices {
    /// The identity that Microsoft Graph sees, from a Graph token, new or cached; `None` if the token is opaque. The trace is
    /// empty: nothing is asked of Graph.
    ///
    /// # Errors
    /// The refusal of the operator's sign-in.
    pub async fn identity(&self) -> Read<Option<Identity>> {
        self.identity_for(&self.graph_scope).await
    }

    /// The same from a Key Vault token. It carries neither roles nor scopes that matter: a vault's permissions are its own.
    ///
    /// # Errors
    /// The refusal of the operator's sign-in.
    pub async fn vault_identity(&self) -> Read<Option<Identity>> {
        self.identity_for(&self.vault_scope).await
    }

    async fn identity_for(&self, scope: &str) -> Read<Option<Identity>> {
        match self.operator.token(scope).await {
            Ok(token) => Ok((identity_in(token.token.secret()), Trace::default())),
            Err(failure) => failure.into_read(),
        }
    }
}

/// What an access token says of its bearer. `None` if it is opaque, or says neither who nor which client it is.
pub(crate) fn identity_in(token: &str) -> Option<Identity> {
    let claims = claims(token)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let id = |name: &str| text(name).and_then(identifier);
    let scopes: Vec<String> = text("scp").unwrap_or_default().split_whitespace().filter_map(identifier).collect();
    let list = |name: &str| -> Vec<String> {
        let items = claims.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).filter_map(identifier).collect()
    };
    let identity = Identity {
        // `idtyp` says it where it is there (`app`, or `user`); else only a token on behalf of a person has `scp`.
        kind: match text("idtyp") {
            Some("app") => IdentityKind::Application,
            Some("user") => IdentityKind::User,
            Some(_) | None if scopes.is_empty() => IdentityKind::Application,
            Some(_) | None => IdentityKind::User,
        },
        object_id: id("oid"),
        client_id: id("appid").or_else(|| id("azp")),
        tenant: id("tid"),
        roles: list("roles"),
        scopes,
        directory_roles: list("wids"),
        by_secret: text("appidacr").or_else(|| text("azpacr")).map(|how| how == "1"),
    };
    (identity.object_id.is_some() || identity.client_id.is_some()).then_some(identity)
}

/// The claims of a JSON Web Token (RFC 7519), unverified; `None` if it is not one.
pub(crate) fn claims(token: &str) -> Option<Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Value>(&payload).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";
    const OBJECT: &str = "765eb0e3-acb3-475d-9a98-ee6892f081c8";
    const CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

    fn told(claims: Value) -> Option<Identity> {
        identity_in(&format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string())))
    }

    #[test]
    fn an_application_and_a_person_are_told_apart() {
        let app = told(json!({
            "idtyp": "app", "oid": OBJECT, "appid": CLIENT, "appidacr": "1", "tid": TENANT,
            "roles": ["Application.ReadWrite.OwnedBy", "AuditLog.Read.All"],
            "wids": ["158c047a-c907-4556-b7ef-446551a6b5f7"],
        }));
        let expected = Identity {
            kind: IdentityKind::Application,
            object_id: Some(OBJECT.into()),
            client_id: Some(CLIENT.into()),
            tenant: Some(TENANT.into()),
            roles: vec!["Application.ReadWrite.OwnedBy".into(), "AuditLog.Read.All".into()],
            scopes: Vec::new(),
            directory_roles: vec!["158c047a-c907-4556-b7ef-446551a6b5f7".into()],
            by_secret: Some(true),
        };
        assert_eq!(app, Some(expected.clone()));
        let user = told(
            json!({"oid": OBJECT, "azp": CLIENT, "azpacr": "0", "tid": TENANT, "scp": "Application.ReadWrite.All  User.Read"}),
        );
        let scopes = vec!["Application.ReadWrite.All".into(), "User.Read".into()];
        assert_eq!(
            user,
            Some(Identity {
                kind: IdentityKind::User,
                roles: Vec::new(),
                scopes,
                directory_roles: Vec::new(),
                by_secret: Some(false),
                ..expected
            })
        );
    }

    #[test]
    fn the_type_claim_is_believed_before_the_scopes() {
        let kind = |claims: Value| told(claims).unwrap().kind;
        assert_eq!(kind(json!({"oid": OBJECT, "idtyp": "user"})), IdentityKind::User);
        assert_eq!(kind(json!({"oid": OBJECT, "idtyp": "app", "scp": "x"})), IdentityKind::Application);
        assert_eq!(kind(json!({"oid": OBJECT, "idtyp": "device", "scp": "x"})), IdentityKind::User);
        assert_eq!(kind(json!({"oid": OBJECT})), IdentityKind::Application);
    }

    #[test]
    fn an_opaque_token_says_nothing() {
        for token in ["", "opaque", "a.b", "a.%%%.c", "..", "e30.W10.x", "e30.e30.x", "e30.bnVsbA.x"] {
            assert_eq!(identity_in(token), None, "{token}");
        }
        assert_eq!(told(json!({"tid": TENANT, "roles": ["x"]})), None, "a tenant alone is nobody");
    }

    #[test]
    fn what_cannot_be_shown_is_left_out() {
        let odd = told(json!({
            "oid": OBJECT, "appid": "\u{1b}[2J", "tid": 5, "roles": ["a b", 7, "Ok.Role", null], "scp": ["not text"],
        }));
        let odd = odd.unwrap();
        assert_eq!((odd.client_id, odd.tenant, odd.roles, odd.scopes), (None, None, vec!["Ok.Role".into()], Vec::new()));
    }

    proptest! {
        #[test]
        fn no_token_stops_us(text in "\\PC*", claim in "\\PC*", payload in any::<Vec<u8>>()) {
            let _ = identity_in(&text);
            let _ = identity_in(&format!("a.{}.c", URL_SAFE_NO_PAD.encode(&payload)));
            let said = told(json!({"oid": claim, "scp": claim, "roles": [claim], "idtyp": claim, "tid": claim, "azp": claim}));
            for shown in said.iter().flat_map(|i| [&i.object_id, &i.client_id, &i.tenant]).flatten() {
                prop_assert!(shown.bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}
