//! The sandbox's certificate authority, and the certificate that it serves with.
//!
//! Where the state is kept, the authority's key stays in a private file, so that a client which trusts `ca.pem` goes on trusting
//! a server that was started again; else it never leaves memory. It can vouch for loopback names only (RFC 5280 section 4.2.1.10).
#![allow(clippy::disallowed_methods)] // certificates are dated by the local clock

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::error::SandboxError;
use super::files;

/// What the served certificate is good for. `*.localhost` would match nothing: a wildcard needs two labels behind it.
const NAMES: [&str; 7] = [
    "login.sandbox.localhost",
    "graph.sandbox.localhost",
    "vault.sandbox.localhost",
    "*.vault.sandbox.localhost",
    "localhost",
    "127.0.0.1",
    "127.0.0.2",
];

/// Where clients find the authority's certificate.
pub(super) fn ca_file(folder: &Path) -> PathBuf {
    folder.join("ca.pem")
}

/// Serving with a fresh certificate of the folder's authority, which is made if there is none. Its key is kept in the folder, or
/// nowhere.
pub(super) fn server_config(folder: &Path, keep_key: bool) -> Result<ServerConfig, SandboxError> {
    let failed = |why: String| SandboxError::Certificates { folder: folder.to_owned(), why };
    let by_rcgen = |e: rcgen::Error| failed(e.to_string());
    let by_rustls = |e: tokio_rustls::rustls::Error| failed(e.to_string());

    let (key_file, ca_file) = (folder.join("ca-key.pem"), ca_file(folder));
    let ca_key = match files::read(&key_file)? {
        Some(pem) => KeyPair::from_pem(&String::from_utf8_lossy(&pem)).map_err(by_rcgen)?,
        None => {
            let key = KeyPair::generate().map_err(by_rcgen)?;
            let certificate = authority().self_signed(&key).map_err(by_rcgen)?.pem();
            if keep_key {
                files::replace(&key_file, key.serialize_pem().as_bytes())?;
                files::replace(&ca_file, certificate.as_bytes())?;
            } else {
                files::put(&ca_file, certificate.as_bytes())?;
            }
            key
        }
    };
    if files::read(&ca_file)?.is_none() {
        let certificate = authority().self_signed(&ca_key).map_err(by_rcgen)?;
        files::replace(&ca_file, certificate.pem().as_bytes())?;
    }
    let issuer = Issuer::new(authority(), ca_key);
    let leaf_key = KeyPair::generate().map_err(by_rcgen)?;
    let leaf = leaf().map_err(by_rcgen)?.signed_by(&leaf_key, &issuer).map_err(by_rcgen)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(by_rustls)?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .map_err(by_rustls)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// The same each time, so that the authority is known again by its key.
fn authority() -> CertificateParams {
    let loopback = CidrSubnet::from_v4_prefix(Ipv4Addr::LOCALHOST.octets(), 8);
    let permitted = vec![GeneralSubtree::DnsName("localhost".to_owned()), GeneralSubtree::IpAddress(loopback)];
    let mut params = CertificateParams::default();
    params.distinguished_name = named("keyrelay sandbox CA, worthless elsewhere");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2045, 1, 1);
    params
}

/// Good from two days ago, for clocks that are behind, to a year from now.
fn leaf() -> Result<CertificateParams, rcgen::Error> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |days: i32| {
        let date = today.saturating_add(jiff::Span::new().days(days));
        let unsigned = |n: i8| u8::try_from(n).unwrap_or(1);
        date_time_ymd(i32::from(date.year()), unsigned(date.month()), unsigned(date.day()))
    };
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name = named("keyrelay sandbox");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = day(-2);
    params.not_after = day(365);
    Ok(params)
}
