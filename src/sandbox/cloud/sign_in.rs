//! The token endpoint: client credentials with a secret, answered by one of several replicas.

use jiff::Timestamp;
use uuid::Uuid;

use super::token::IssuedToken;
use super::{Application, Cloud, Origin, PasswordCredential, ServicePrincipal, Value};
use crate::sandbox::faults::{Call, Operation};

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

    pub(super) fn unknown_tenant(tenant: &str) -> SignInError {
        let message = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
             cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the \
             tenant."
        );
        SignInError::new(400, "invalid_request", 90_002, message)
    }

    pub(super) fn unknown_application(client_id: &str, tenant: Uuid) -> SignInError {
        let message = format!(
            "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the tenant. \
             You may have sent your authentication request to the wrong tenant."
        );
        SignInError::new(400, "unauthorized_client", 700_016, message)
    }

    /// As quoted in azure-sdk-for-net#46762; the status is not verified.
    fn no_principal(client_id: Uuid, tenant: Uuid) -> SignInError {
        let message = format!(
            "The client application {client_id} is missing service principal in the tenant {tenant}. See instructions here: \
             https://go.microsoft.com/fwlink/?linkid=2225119"
        );
        SignInError::new(401, "invalid_client", 7_000_229, message)
    }

    pub(super) fn disabled(client_id: &str, display_name: &str) -> SignInError {
        let message = format!("Application '{client_id}'({display_name}) is disabled.");
        SignInError::new(400, "unauthorized_client", 7_000_112, message)
    }

    pub(super) fn expired(client_id: &str) -> SignInError {
        let message = format!(
            "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new keys for \
             your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: \
             https://aka.ms/certCreds."
        );
        SignInError::new(401, "invalid_client", 7_000_222, message)
    }
}

impl Cloud {
    /// One sign-in from this machine, answered by a replica of the cloud's choice.
    pub fn sign_in(&mut self, now: Timestamp, request: &SignInRequest<'_>) -> Result<IssuedToken, SignInError> {
        self.sign_in_from(now, request, Origin::default())
    }

    pub(super) fn sign_in_somewhere(
        &mut self,
        now: Timestamp,
        request: &SignInRequest<'_>,
    ) -> Result<IssuedToken, SignInError> {
        let last = u64::from(self.profile.replicas.saturating_sub(1));
        let replica = self.answers.between(0, last);
        if let Some(refusal) =
            self.sign_in_trouble(&Call::of(Operation::SignIn).on(request.client_id.parse().ok()), request.client_id)
        {
            return Err(refusal);
        }
        self.sign_in_at(now, usize::try_from(replica).unwrap_or(0), request)
    }

    /// One sign-in, answered by the named replica. No refusal that was ordered comes from here, and no record is kept.
    pub fn sign_in_at(&self, now: Timestamp, replica: usize, r: &SignInRequest<'_>) -> Result<IssuedToken, SignInError> {
        self.check_tenant(r.tenant)?;
        let (application, principal) = self.who_signs_in(r.client_id)?;
        if !principal.enabled || application.is_some_and(|a| a.disabled) {
            return Err(SignInError::disabled(&principal.client_id.to_string(), &principal.display_name));
        }
        let audience = audience(r.scope)?;
        let Some(secret) = r.secret else {
            let message =
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.";
            return Err(SignInError::new(401, "invalid_client", 7_000_216, message));
        };
        let of_application = application.map(|a| a.passwords.as_slice()).unwrap_or_default();
        let passwords = of_application.iter().chain(&principal.passwords);
        check_secret(now, replica, principal.client_id, passwords, secret)?;
        let Some(resource) = self.resource(audience) else {
            let message = format!(
                "The resource principal named {audience} was not found in the tenant named {}. This can happen if the application \
                 has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might \
                 have sent your authentication request to the wrong tenant.",
                self.tenant
            );
            return Err(SignInError::new(400, "invalid_resource", 500_011, message));
        };
        Ok(self.issue(now, principal, audience, resource))
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
            Ok(_) | Err(_) => Err(SignInError::unknown_tenant(tenant)),
        }
    }

    /// The service principal of a client ID, and its application if that is of this tenant.
    fn who_signs_in(&self, client_id: &str) -> Result<(Option<&Application>, &ServicePrincipal), SignInError> {
        let id = client_id.parse::<Uuid>().ok().filter(|id| !id.is_nil()).ok_or_else(|| {
            let message = format!("{client_id} is not a valid application identifier.");
            SignInError::new(400, "unauthorized_client", 700_038, message)
        })?;
        let application = self.application_of(id);
        match self.objects.principals.get(&id) {
            Some(principal) => Ok((application, principal)),
            None if application.is_some() => Err(SignInError::no_principal(id, self.tenant)),
            None => Err(SignInError::unknown_application(&id.to_string(), self.tenant)),
        }
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
fn check_secret<'a>(
    now: Timestamp,
    replica: usize,
    app: Uuid,
    passwords: impl Iterator<Item = &'a PasswordCredential> + Clone,
    secret: &Value,
) -> Result<(), SignInError> {
    let mut known = passwords.filter(|p| p.known_to(replica, now));
    let expired = || SignInError::expired(&app.to_string());
    match known.clone().find(|p| p.value == *secret) {
        Some(credential) if credential.in_date(now) => Ok(()),
        Some(credential) if credential.end <= now => Err(expired()),
        None if known.clone().next().is_some() && known.all(|p| p.end <= now) => Err(expired()),
        Some(_) | None => {
            let message = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the \
                 client secret ID, for a secret added to app '{app}'."
            );
            Err(SignInError::new(401, "invalid_client", 7_000_215, message))
        }
    }
}
