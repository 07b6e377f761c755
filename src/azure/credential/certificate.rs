//! A certificate as credential: an assertion that its key signs for each sign-in.
//!
//! The SDK's own credential for certificates needs OpenSSL's headers to build. What it would send is small, and the TLS library
//! that is here anyway reads the key and signs. Form: learn.microsoft.com/entra/identity-platform/certificate-credentials.
#![allow(clippy::disallowed_methods)] // reads the certificate's file and the clock, which an assertion's validity is counted from

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey};
use zeroize::Zeroizing;

use crate::azure::outcome::Failure;
use crate::azure::sdk::pass_through;
use crate::rotation::answers::RefusalKind;

/// RSA-PSS with SHA-256 and a salt of 32 bytes: `PS256` of RFC 7518, section 3.5.
const PS256: SignatureScheme = SignatureScheme::RSA_PSS_SHA256;

/// Microsoft asks for 5 to 10 minutes.
const VALID_FOR: SignedDuration = SignedDuration::from_mins(10);

/// The longest file that is read. A certificate with its chain has a few KiB.
const LIMIT: u64 = 1 << 20;

/// Signs assertions with a certificate's key.
pub(super) struct CertificateAssertion {
    key: Arc<dyn SigningKey>,
    thumbprint: String,
    client_id: String,
    token_endpoint: String,
}

impl std::fmt::Debug for CertificateAssertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateAssertion").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

impl CertificateAssertion {
    /// Reads certificate and key from a PEM file, in any order. Says what is wrong with the file, and quotes nothing of it.
    pub(super) fn read(file: &Path, client_id: String, token_endpoint: String) -> Result<CertificateAssertion, String> {
        let mut pem = Zeroizing::new(Vec::new());
        let opened = std::fs::File::open(file).map(|f| f.take(LIMIT));
        let read = opened.and_then(|mut f| f.read_to_end(&mut pem));
        let found = match read {
            Ok(_) => CertificateAssertion::of(&pem, client_id, token_endpoint),
            Err(e) => Err(format!("cannot be read: {e}")),
        };
        found.map_err(|what| format!("the certificate file {} {what}", file.display()))
    }

    fn of(pem: &[u8], client_id: String, token_endpoint: String) -> Result<CertificateAssertion, String> {
        let (certificate, key) = pair(pem)?;
        if key.choose_scheme(&[PS256]).is_none() {
            return Err("holds a key that is not RSA, and Entra takes no other".to_owned());
        }
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate));
        Ok(CertificateAssertion { key, thumbprint, client_id, token_endpoint })
    }

    /// An assertion that is valid from `now` on; `None` if the key does not sign.
    fn signed(&self, now: Timestamp) -> Option<String> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let claims = json!({
            "aud": self.token_endpoint,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": uuid::Uuid::new_v4(),
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "exp": now.checked_add(VALID_FOR).ok()?.as_second(),
        });
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.choose_scheme(&[PS256])?.sign(signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The key, and of the certificates the one that belongs to it: a file may hold the chain too.
fn pair(pem: &[u8]) -> Result<(CertificateDer<'static>, Arc<dyn SigningKey>), String> {
    let convert = "convert it: openssl pkcs12 -in FILE.pfx -nodes -out FILE.pem";
    if !pem.windows(11).any(|w| w == b"-----BEGIN ") {
        return Err(format!("is not PEM; if it is a PFX or PKCS#12 file, {convert}"));
    }
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        let encrypted = pem.windows(9).any(|w| w == b"ENCRYPTED");
        match encrypted {
            true => "has an encrypted key; decrypt it: openssl pkey -in FILE.pem -out KEY.pem, and add the certificate",
            false => "has no private key that can be read: PKCS#8 (BEGIN PRIVATE KEY) or PKCS#1 (BEGIN RSA PRIVATE KEY)",
        }
        .to_owned()
    })?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
    if certificates.is_empty() {
        return Err("has no certificate (BEGIN CERTIFICATE)".to_owned());
    }
    let provider = default_provider();
    for certificate in certificates {
        if let Ok(pair) = CertifiedKey::from_der(vec![certificate.clone()], key.clone_key(), &provider) {
            return Ok((certificate, pair.key));
        }
    }
    Err("has no certificate that belongs to its private key".to_owned())
}

#[async_trait::async_trait]
impl ClientAssertion for CertificateAssertion {
    async fn secret(&self, _options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let broken = || Failure::before_sending(RefusalKind::BadAnswer, "", "the certificate's key does not sign");
        self.signed(Timestamp::now()).ok_or_else(|| pass_through(broken()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize};

    const ENDPOINT: &str = "https://login.example/t/oauth2/v2.0/token";

    fn certificate(key: &KeyPair) -> rcgen::Certificate {
        CertificateParams::new(vec!["rotator".to_owned()]).unwrap().self_signed(key).unwrap()
    }

    fn of(pem: &str) -> Result<CertificateAssertion, String> {
        CertificateAssertion::of(pem.as_bytes(), "the-client".into(), ENDPOINT.into())
    }

    #[test]
    fn an_assertion_is_what_entra_asks_for() {
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let (ours, other) = (certificate(&rsa), certificate(&KeyPair::generate().unwrap()));
        // a chain in the wrong order, and the key between
        let pem = format!("{}{}{}", other.pem(), rsa.serialize_pem(), ours.pem());
        let now: Timestamp = "2026-11-22T03:00:00Z".parse().unwrap();
        let assertion = of(&pem).unwrap().signed(now).unwrap();
        let parts: Vec<&str> = assertion.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else { panic!("{assertion}") };
        let json =
            |part: &str| -> serde_json::Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(ours.der()));
        assert_eq!(json(header), json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}));
        let mut claims = json(claims);
        let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert!(uuid::Uuid::try_parse(jti.as_str().unwrap()).is_ok());
        // 1795316400 is 2026-11-22T03:00:00Z
        let expected = json!({
            "aud": ENDPOINT, "iss": "the-client", "sub": "the-client",
            "iat": 1_795_316_400, "nbf": 1_795_316_400, "exp": 1_795_317_000,
        });
        assert_eq!(claims, expected);
        let signed = assertion.rsplit_once('.').unwrap().0;
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, rsa.der_bytes());
        public.verify(signed.as_bytes(), &signature).unwrap();
        assert!(public.verify(b"something else", &signature).is_err());
    }

    #[test]
    fn a_file_that_will_not_do_is_told_apart() {
        let ec = KeyPair::generate().unwrap();
        let (cert, stranger) = (certificate(&ec).pem(), KeyPair::generate().unwrap().serialize_pem());
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let cases = [
            ("\u{30}\u{82}".to_owned(), "is not PEM"),
            (cert.clone(), "has no private key"),
            (ec.serialize_pem(), "has no certificate (BEGIN"),
            (format!("{cert}{stranger}"), "has no certificate that belongs"),
            (format!("{cert}{}", ec.serialize_pem()), "holds a key that is not RSA"),
            (format!("{cert}{encrypted}"), "has an encrypted key"),
        ];
        for (pem, what) in cases {
            let said = of(&pem).unwrap_err();
            assert!(said.starts_with(what), "{said}");
        }
        let said = CertificateAssertion::read(Path::new("/nowhere/c.pem"), String::new(), String::new()).unwrap_err();
        assert!(said.starts_with("the certificate file /nowhere/c.pem cannot be read: "), "{said}");
    }

    proptest! {
        #[test]
        fn no_file_stops_us(bytes in any::<Vec<u8>>(), text in "\\PC*") {
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
            for file in [bytes.as_slice(), text.as_bytes(), pem.as_bytes()] {
                prop_assert!(CertificateAssertion::of(file, String::new(), String::new()).is_err());
            }
        }
    }
}
