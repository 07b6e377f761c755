//! Access tokens: shaped like Entra's, worthless anywhere else.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Cloud, CloudError, PrincipalRef, Role, ServicePrincipal, Value};

/// Seconds that a token is good for, as Entra says it.
pub(super) const LIFETIME: i64 = 3599;

/// A token with what its reader wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// `access_token`.
    pub access_token: Value,
    /// `expires_in`, in seconds.
    pub expires_in: i64,
    /// The claim `tid`.
    pub tenant: Uuid,
    /// The claim `appid` or `azp`.
    pub client_id: Uuid,
}

/// Who presents a token, and for what it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `appid` or `azp`.
    pub client_id: Uuid,
    /// `oid`.
    pub object_id: Uuid,
    /// `iss`.
    pub issuer: String,
    /// What `aud` stands for.
    pub resource: Resource,
    /// `roles`, as far as the sandbox knows them: granted when the token was issued.
    pub roles: BTreeSet<Role>,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// Not a token.
    Malformed,
    /// Not one of this sandbox.
    Foreign,
    /// Too old.
    Expired,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resource {
    /// Microsoft Graph.
    Graph,
    /// Key Vault.
    Vault,
    /// Azure Resource Manager.
    Management,
    /// An application of the tenant, by client ID.
    Application(Uuid),
}

/// Graph's own application ID, which is also an audience.
pub const GRAPH_APP_ID: Uuid = Uuid::from_u128(0x0000_0003_0000_0000_c000_0000_0000_0000);

impl Cloud {
    /// What a resource's name stands for, if it is known in the tenant. The port does not matter, nor do slashes at the end.
    pub fn resource(&self, name: &str) -> Option<Resource> {
        let name = name.trim_end_matches('/');
        if let Ok(id) = name.strip_prefix("api://").unwrap_or(name).parse::<Uuid>() {
            let known = self.objects.principals.contains_key(&id);
            return if id == GRAPH_APP_ID { Some(Resource::Graph) } else { known.then_some(Resource::Application(id)) };
        }
        let host = name.strip_prefix("https://")?;
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
        match host.as_str() {
            "graph.microsoft.com" | "graph.sandbox.localhost" | "127.0.0.1" | "localhost" => Some(Resource::Graph),
            "vault.azure.net" | "vault.sandbox.localhost" => Some(Resource::Vault),
            "management.azure.com" | "management.core.windows.net" => Some(Resource::Management),
            _ => None,
        }
    }

    /// A token of `principal` for `audience`. Tokens for an application of the tenant have the claims of version 2, those
    /// for Microsoft's own services the claims of version 1.
    pub(super) fn issue(
        &self,
        now: Timestamp,
        principal: &ServicePrincipal,
        audience: &str,
        resource: Resource,
    ) -> IssuedToken {
        let (tenant, client_id, oid) = (self.tenant, principal.client_id, principal.object_id);
        let (nbf, exp) = (now.as_second(), now.as_second().saturating_add(LIFETIME));
        let unique = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{client_id}{nbf}")).as_slice().get(..16).unwrap_or(&[]));
        let mut claims = json!({
            "aio": "keyrelay-sandbox", "exp": exp, "iat": nbf, "nbf": nbf, "oid": oid, "sub": oid, "tid": tenant,
            "rh": "keyrelay-sandbox", "uti": unique, "xms_ftd": "keyrelay-sandbox",
        });
        let more = match resource {
            Resource::Application(id) => json!({
                "aud": id, "azp": client_id, "azpacr": "1", "ver": "2.0",
                "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            }),
            Resource::Graph | Resource::Vault | Resource::Management => json!({
                "aud": audience, "appid": client_id, "appidacr": "1", "ver": "1.0", "idtyp": "app",
                "iss": format!("https://sts.windows.net/{tenant}/"),
            }),
        };
        if let (Some(claims), Json::Object(more)) = (claims.as_object_mut(), more) {
            claims.extend(more);
        }
        // Entra leaves the claim out where there is none.
        if let Some(claims) = claims.as_object_mut().filter(|_| resource == Resource::Graph && !principal.roles.is_empty()) {
            let roles: Vec<&str> = principal.roles.iter().map(|r| r.as_str()).collect();
            claims.insert("roles".to_owned(), json!(roles));
        }
        let header = json!({"alg": "none-keyrelay-sandbox", "kid": "keyrelay-sandbox", "typ": "JWT"});
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let access_token = Value::new(format!("{signed}.{}", self.signature(&signed)));
        IssuedToken { access_token, expires_in: LIFETIME, tenant, client_id }
    }

    /// Who presents `token`.
    pub fn caller(&self, now: Timestamp, token: &str) -> Result<Caller, TokenFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (_, claims) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenFault::Malformed)?;
        let claims: Json = serde_json::from_slice(&claims).map_err(|_| TokenFault::Malformed)?;
        if signature != self.signature(signed) {
            return Err(TokenFault::Foreign);
        }
        let text = |name: &str| claims.get(name).and_then(Json::as_str);
        let id = |name: &str| text(name).and_then(|t| t.parse::<Uuid>().ok());
        if claims.get("exp").and_then(Json::as_i64).is_none_or(|exp| exp <= now.as_second()) {
            return Err(TokenFault::Expired);
        }
        let roles = claims.get("roles").and_then(Json::as_array).into_iter().flatten();
        let roles = roles.filter_map(|r| Role::named(r.as_str()?)).collect();
        Ok(Caller {
            client_id: id("appid").or_else(|| id("azp")).ok_or(TokenFault::Malformed)?,
            object_id: id("oid").ok_or(TokenFault::Malformed)?,
            issuer: text("iss").unwrap_or_default().to_owned(),
            resource: text("aud").and_then(|aud| self.resource(aud)).ok_or(TokenFault::Malformed)?,
            roles,
        })
    }

    /// A caller with a token that was issued this moment.
    pub fn caller_now(&self, client_id: Uuid, resource: Resource) -> Result<Caller, CloudError> {
        let principal = self.principal(PrincipalRef::Client(client_id))?;
        let issuer = format!("https://sts.windows.net/{}/", self.tenant);
        let roles = if resource == Resource::Graph { principal.roles.clone() } else { BTreeSet::new() };
        Ok(Caller { client_id, object_id: principal.object_id, issuer, resource, roles })
    }

    /// Ties a token to this sandbox's key.
    fn signature(&self, signed: &str) -> String {
        let inner = Sha256::digest(format!("{}{signed}", self.token_key.text()));
        let outer = Sha256::new().chain_update(self.token_key.text()).chain_update(inner).finalize();
        URL_SAFE_NO_PAD.encode(outer)
    }
}

fn encode(json: &Json) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}
