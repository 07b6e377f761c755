//! The sandbox over HTTPS, on loopback only. State that is kept is on disk before an answer leaves, so it outlives a kill as a
//! cloud does.
#![allow(clippy::disallowed_methods)] // the sandbox's own clock, randomness and sleep

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::{Router, serve as http_serve};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::cloud::{Cloud, Operator, OperatorSecret};
use super::control::Control;
use super::endpoint::Endpoint;
use super::error::SandboxError;
use super::listener::TlsListener;
use super::requests::{Shared, handle, idle};
use super::saved::Saved;
use super::served::{Served, served};
use super::{files, tls};

pub use super::options::{Call, Hook, Keep, Moment, Pace, ServeOptions};

/// How long open connections may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(1);

/// Addresses under which clients that know no names find the second vault.
const OTHERS: [Ipv4Addr; 1] = [Ipv4Addr::new(127, 0, 0, 2)];

/// Serves until `stop` is done, or until idle. `ready` is called once requests are taken.
pub async fn serve(
    options: ServeOptions,
    ready: impl FnOnce(&Server) -> Result<(), SandboxError>,
    stop: impl Future<Output = ()>,
) -> Result<(), SandboxError> {
    let (folder, nothing_stays) = (options.state_folder.clone(), options.keep == Keep::Nothing);
    let mut server = match Server::start(options).await {
        Ok(server) => server,
        Err(e) => {
            if nothing_stays {
                let _ = files::remove_folder(&folder);
            }
            return Err(e);
        }
    };
    let told = ready(&server);
    if told.is_ok() {
        tokio::select! {
            _ = &mut server.task => return Ok(()),
            () = stop => {}
        }
    }
    server.stop().await;
    told
}

/// A server that is running.
pub struct Server {
    folder: PathBuf,
    shared: Arc<Shared>,
    endpoint: Endpoint,
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Loads or makes the state, listens on loopback, and writes `endpoint.json`. One server per folder.
    pub async fn start(options: ServeOptions) -> Result<Server, SandboxError> {
        let folder = options.state_folder.clone();
        files::private_folder(&folder)?;
        let folder = std::path::absolute(&folder).map_err(files::at(&folder))?;
        let lock = files::try_lock(&folder.join("server.lock"))?;
        let lock = lock.ok_or_else(|| SandboxError::AlreadyServing { folder: folder.clone() })?;
        let saved = Saved::load(&options)?;
        let config = tls::server_config(&folder, options.keep != Keep::Nothing)?;
        if let Some(copy) = &options.ca_out {
            files::put(copy, &files::read(&tls::ca_file(&folder))?.unwrap_or_default())?;
        }
        let port = options.port;
        let listeners = listen(&folder, port).await?;
        let addresses: Result<Vec<SocketAddr>, _> = listeners.iter().map(TcpListener::local_addr).collect();
        let addresses = addresses.map_err(|source| SandboxError::Listen { port, source })?;
        let address = addresses.first().copied().unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let endpoint = announce(&folder, address, &saved.cloud, Operator::All)?;

        let (stop, mut stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            cloud: Mutex::new(saved),
            options: options.clone(),
            last_request: Mutex::new(Instant::now()),
            control: options.control.then(|| Control::start(&folder)).transpose()?,
        });
        let all = Arc::clone(&shared);
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let listener = TlsListener::new(listeners, config, address);
        let mut told = stopped.clone();
        let graceful = http_serve(listener, router).with_graceful_shutdown(async move {
            let _ = told.wait_for(|stop| *stop).await;
        });
        let signal = stop.clone();
        let removed = (options.keep == Keep::Nothing).then(|| folder.clone());
        let task = tokio::spawn(async move {
            let _held_until_the_end = lock;
            let mut serving = tokio::spawn(async move { graceful.await });
            tokio::select! {
                _ = &mut serving => {}
                _ = stopped.wait_for(|stop| *stop) => {}
                () = idle(&shared) => {}
            }
            let _ = signal.send(true);
            if !serving.is_finished() && tokio::time::timeout(GRACE, &mut serving).await.is_err() {
                serving.abort();
            }
            if let Some(folder) = removed {
                let _ = files::remove_folder(&folder);
            }
        });
        Ok(Server { folder, shared: all, endpoint, addresses, stop, task })
    }

    /// What clients need.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What a client is told of a sandbox that is served on its own; writes the operators' secrets into files beside it.
    ///
    /// # Errors
    /// If the files could not be written.
    pub fn served(&self) -> Result<Served, SandboxError> {
        let saved = self.shared.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        let ca_file = match &self.shared.options.ca_out {
            Some(file) => std::path::absolute(file).map_err(files::at(file))?,
            None => self.endpoint.ca_file.clone(),
        };
        served(&self.folder, &ca_file, &self.endpoint, &self.addresses, &saved.cloud)
    }

    /// Reads or edits what the services serve; an edit is on disk when this returns.
    ///
    /// # Errors
    /// If it could not be saved.
    pub fn with_cloud<T>(&self, work: impl FnOnce(&mut Cloud) -> T) -> Result<T, SandboxError> {
        let mut saved = self.shared.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut saved.cloud);
        saved.save().map(|()| done)
    }

    /// Makes the operator unless it is there, and names it in `endpoint.json` with its secret in the file beside it: who goes by
    /// these signs in as this operator from then on. The next start names [`Operator::All`] again.
    ///
    /// # Errors
    /// If the files could not be written.
    pub fn act_as(&mut self, operator: Operator) -> Result<(), SandboxError> {
        let now = Timestamp::now();
        self.with_cloud(|cloud| {
            let now = cloud.service_time(now);
            cloud.stage().operator(now, operator).map(|_| ())
        })?
        .map_err(|e| SandboxError::Refused { why: e.message })?;
        let saved = self.shared.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        self.endpoint = announce(&self.folder, self.endpoint.address, &saved.cloud, operator)?;
        Ok(())
    }

    /// Waits until it has ended by itself.
    pub async fn ended(self) {
        let _ = self.task.await;
    }

    /// Ends it.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

/// On loopback, and on nothing else: at the first address, and at the others where the system has them (Linux does).
async fn listen(folder: &Path, port: u16) -> Result<Vec<TcpListener>, SandboxError> {
    let first = listen_first(folder, port).await?;
    let port = first.local_addr().map_err(|source| SandboxError::Listen { port, source })?.port();
    let mut all = vec![first];
    for address in OTHERS {
        all.extend(TcpListener::bind((address, port)).await);
    }
    Ok(all)
}

/// The port that was asked for; else the last server's, so that clients which know it go on; else any.
async fn listen_first(folder: &Path, port: u16) -> Result<TcpListener, SandboxError> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let before = Endpoint::load(folder)?.map(|e| e.address.port()).filter(|_| port == 0);
    if let Some(before) = before
        && let Ok(listener) = bind(before).await
    {
        return Ok(listener);
    }
    bind(port).await.map_err(|source| SandboxError::Listen { port, source })
}

fn announce(folder: &Path, address: SocketAddr, cloud: &Cloud, operator: Operator) -> Result<Endpoint, SandboxError> {
    let operator_secret_file = folder.join("operator-secret");
    let OperatorSecret { client_id, secret, .. } =
        cloud.operator(operator).map_err(|e| SandboxError::Refused { why: e.message })?;
    files::put(&operator_secret_file, secret.text().as_bytes())?;
    let endpoint = Endpoint {
        schema: 1,
        address,
        authority: "https://login.sandbox.localhost".to_owned(),
        graph: "https://graph.sandbox.localhost".to_owned(),
        vault_suffix: "vault.sandbox.localhost".to_owned(),
        ca_file: tls::ca_file(folder),
        tenant: cloud.tenant(),
        operator_client_id: client_id,
        operator_secret_file,
        pid: std::process::id(),
    };
    endpoint.save(folder)?;
    Ok(endpoint)
}
