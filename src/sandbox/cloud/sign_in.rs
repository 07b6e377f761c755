//! The token endpoint: client credentials with a secret, answered by one of several replicas.

use jiff::Timestamp;
use uuid::Uuid;

use super::token::IssuedToken;
use super::{Application, Cloud, Value};

/// A sign-in with a client secret.
#[derive(Debug, Clone, Copy)]
pub struct SignInRequest<'a> {
    /// From the path.
    pub tenant: &'a str,
    /// `client_id`.
    pub client_id: &'a str,
    /// `client_secret`.
    pub secret: Option<&'a Value>,
    /// `scope`.
    pub scope: &'a str,
}

/// A refusal of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("AADSTS{code}: {message}")]
pub struct SignInError {
    /// The HTTP status.
    pub status: u16,
    /// `error`.
    pub error: &'static str,
    /// The AADSTS number.
    pub code: u32,
    /// The sentence of `error_description`, without number and ids.
    pub message: String,
}

impl SignInError {
    pub(in crate::sandbox) fn new(status: u16, error: &'static str, code: u32, message: impl Into<String>) -> SignInError {
        SignInError { status, error, code, message: message.into() }
    }
}

impl Cloud {
    /// One sign-in, answered by a replica of the cloud's choice.
    pub fn sign_in(&mut self, now: Timestamp, request: &SignInRequest<'_>) -> Result<IssuedToken, SignInError> {
        let last = u64::from(self.profile.replicas.saturating_sub(1));
        let replica = self.answers.between(0, last);
        self.sign_in_at(now, usize::try_from(replica).unwrap_or(0), request)
    }

    /// One sign-in, answered by the named replica.
    pub fn sign_in_at(&self, now: Timestamp, replica: usize, r: &SignInRequest<'_>) -> Result<IssuedToken, SignInError> {
        self.check_tenant(r.tenant)?;
        let application = self.known_application(r.client_id)?;
        let app = application.client_id;
        if !application.enabled {
            let message = format!("Application '{app}'({}) is disabled.", application.display_name);
            return Err(SignInError::new(400, "unauthorized_client", 7_000_112, message));
        }
        let audience = audience(r.scope)?;
        let Some(secret) = r.secret else {
            let message =
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.";
            return Err(SignInError::new(401, "invalid_client", 7_000_216, message));
        };
        check_secret(now, replica, application, secret)?;
        let Some(resource) = self.resource(audience) else {
            let message = format!(
                "The resource principal named {audience} was not found in the tenant named {}. This can happen if the application \
                 has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might \
                 have sent your authentication request to the wrong tenant.",
                self.tenant
            );
            return Err(SignInError::new(400, "invalid_resource", 500_011, message));
        };
        Ok(self.issue(now, application, audience, resource))
    }

    /// That the tenant in the path is this one.
    pub fn check_tenant(&self, tenant: &str) -> Result<(), SignInError> {
        let domain = tenant.contains('.') && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        match tenant.parse::<Uuid>() {
            Ok(id) if id == self.tenant => Ok(()),
            Err(_) if !domain => {
                let message = format!(
                    "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain."
                );
                Err(SignInError::new(400, "invalid_request", 900_023, message))
            }
            Ok(_) | Err(_) => {
                let message = format!(
                    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the \
                     correct cloud. Check with your subscription administrator, this may happen if there are no active \
                     subscriptions for the tenant."
                );
                Err(SignInError::new(400, "invalid_request", 90_002, message))
            }
        }
    }

    fn known_application(&self, client_id: &str) -> Result<&Application, SignInError> {
        let id = client_id.parse::<Uuid>().ok().filter(|id| !id.is_nil()).ok_or_else(|| {
            let message = format!("{client_id} is not a valid application identifier.");
            SignInError::new(400, "unauthorized_client", 700_038, message)
        })?;
        self.applications.values().find(|a| a.client_id == id).ok_or_else(|| {
            let message = format!(
                "Application with identifier '{id}' was not found in the directory '{}'. This can happen if the application has \
                 not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have \
                 sent your authentication request to the wrong tenant.",
                self.tenant
            );
            SignInError::new(400, "unauthorized_client", 700_016, message)
        })
    }
}

/// The resource that a scope names. Scopes of OpenID Connect, which some clients add, are ignored.
fn audience(scope: &str) -> Result<&str, SignInError> {
    let invalid = |code, message| SignInError::new(400, "invalid_scope", code, message);
    let mut named = scope.split_whitespace().filter(|s| !matches!(*s, "openid" | "profile" | "offline_access"));
    match (named.next(), named.next()) {
        (Some(one), None) => match one.strip_suffix("/.default") {
            Some(resource) if !resource.is_empty() => Ok(resource),
            Some(_) => Err(invalid(
                70_011,
                format!("The provided value for the input parameter 'scope' is not valid. The scope {one} is not valid."),
            )),
            None => Err(invalid(
                1_002_012,
                format!(
                    "The provided value for scope {one} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
                ),
            )),
        },
        (Some(_), Some(_)) | (None, _) => Err(invalid(
            70_011,
            format!("The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."),
        )),
    }
}

/// What the replica says of a secret. 7000222 is also the answer to an unknown secret where every secret that the replica knows
/// has expired (active-directory-dotnetcore-daemon-v2#87).
fn check_secret(now: Timestamp, replica: usize, application: &Application, secret: &Value) -> Result<(), SignInError> {
    let app = application.client_id;
    let known = || application.passwords.iter().filter(|p| p.known_to(replica, now));
    let expired = || {
        let message = format!(
            "The provided client secret keys for app '{app}' are expired. Visit the Azure portal to create new keys for your app: \
             https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: \
             https://aka.ms/certCreds."
        );
        SignInError::new(401, "invalid_client", 7_000_222, message)
    };
    match known().find(|p| p.value == *secret) {
        Some(credential) if credential.in_date(now) => Ok(()),
        Some(credential) if credential.end <= now => Err(expired()),
        None if known().next().is_some() && known().all(|p| p.end <= now) => Err(expired()),
        Some(_) | None => {
            let message = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the \
                 client secret ID, for a secret added to app '{app}'."
            );
            Err(SignInError::new(401, "invalid_client", 7_000_215, message))
        }
    }
}
