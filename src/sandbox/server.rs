//! The sandbox over HTTPS, on loopback only. State that is kept is on disk before an answer leaves, so it outlives a kill as a
//! cloud does.
#![allow(clippy::disallowed_methods)] // the sandbox's own clock, randomness and sleep

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{self, HeaderValue, StatusCode};
use axum::{Router, serve as http_serve};
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::cloud::{Cloud, Operator, OperatorSecret, Profile};
use super::control::Control;
use super::endpoint::Endpoint;
use super::error::SandboxError;
use super::faults::Rule;
use super::listener::TlsListener;
use super::saved::Saved;
use super::served::{Served, served};
use super::wire::{Exchange, Fate};
use super::{fate, files, tls, wire};

/// The most bytes of a request's body: a vault's value may have 25 KB.
const LONGEST_BODY: usize = 1 << 20;

/// How long open connections may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(1);

/// Addresses under which clients that know no names find the second vault.
const OTHERS: [Ipv4Addr; 1] = [Ipv4Addr::new(127, 0, 0, 2)];

/// How fast changes are seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pace {
    /// At once.
    Instant,
    /// After up to 2.5 seconds, at different times in different places.
    #[default]
    Realistic,
    /// After up to three minutes, at different times in more places.
    Hostile,
}

impl Pace {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Pace::Instant => "instant",
            Pace::Realistic => "realistic",
            Pace::Hostile => "hostile",
        }
    }

    pub(super) fn profile(self) -> Profile {
        match self {
            Pace::Instant => Profile::instant(),
            Pace::Realistic => Profile::realistic(),
            Pace::Hostile => Profile::hostile(),
        }
    }
}

/// The moments at which a hook may hold a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It has been read; nothing has happened.
    BeforeEffect,
    /// Its effect is on disk; the answer has not left.
    BeforeAnswer,
}

/// A request, as a hook sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which service it is for.
    pub service: wire::Service,
    /// The HTTP method.
    pub method: String,
    /// The path, undecoded.
    pub path: String,
}

/// Waited for at each moment of each request. A future that never ends holds the answer back for ever.
pub type Hook = Arc<dyn Fn(Moment, &Call) -> BoxFuture<'static, ()> + Send + Sync>;

/// Where the state is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Keep {
    /// In the state folder.
    #[default]
    Folder,
    /// In this file.
    File(PathBuf),
    /// In memory. The authority's key, too; and the state folder is removed in the end.
    Nothing,
}

/// How to serve.
#[derive(Clone)]
pub struct ServeOptions {
    /// Certificates, operators' secrets and endpoint; made if it is not there, refused if others can read it.
    pub state_folder: PathBuf,
    /// Where the state is.
    pub keep: Keep,
    /// How many applications a state that is made anew has, with vaults and all operators; none of these if it is not said.
    pub applications: Option<u32>,
    /// Where to put a copy of the authority's certificate.
    pub ca_out: Option<PathBuf>,
    /// 0: the port that the folder's last server had, or any that is free.
    pub port: u16,
    /// Holds for changes from now on.
    pub pace: Pace,
    /// Of a state that is made anew; drawn if there is none.
    pub seed: Option<u64>,
    /// Ends by itself after this time without a request; never if there is none.
    pub idle: Option<Duration>,
    /// Added to each answer of the services.
    pub latency: Duration,
    /// The rules that say which requests come to harm, instead of those that the state has.
    pub faults: Option<Vec<Rule>>,
    /// Whether faults can be changed and the log read while it runs; see [`super::control`].
    pub control: bool,
    /// For tests.
    pub hook: Option<Hook>,
}

impl ServeOptions {
    /// Any port, realistic, ends after ten idle minutes.
    pub fn new(state_folder: impl Into<PathBuf>) -> ServeOptions {
        ServeOptions {
            state_folder: state_folder.into(),
            keep: Keep::default(),
            applications: None,
            ca_out: None,
            port: 0,
            pace: Pace::default(),
            seed: None,
            idle: Some(Duration::from_secs(600)),
            latency: Duration::ZERO,
            faults: None,
            control: false,
            hook: None,
        }
    }

    pub(super) fn state_file(&self) -> Option<PathBuf> {
        match &self.keep {
            Keep::Folder => Some(self.state_folder.join("state.json")),
            Keep::File(file) => Some(file.clone()),
            Keep::Nothing => None,
        }
    }
}

/// Serves until `stop` is done, or until idle. `ready` is called once requests are taken.
pub async fn serve(
    options: ServeOptions,
    ready: impl FnOnce(&Server) -> Result<(), SandboxError>,
    stop: impl Future<Output = ()>,
) -> Result<(), SandboxError> {
    let mut server = Server::start(options).await?;
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

struct Shared {
    cloud: Mutex<Saved>,
    options: ServeOptions,
    last_request: Mutex<Instant>,
    control: Option<Control>,
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

/// Ends when there was no request for the idle time.
async fn idle(shared: &Shared) {
    let Some(limit) = shared.options.idle else { return std::future::pending().await };
    loop {
        let last = *shared.last_request.lock().unwrap_or_else(PoisonError::into_inner);
        let end = last.checked_add(limit).unwrap_or(last);
        if Instant::now() >= end {
            return;
        }
        tokio::time::sleep_until(end).await;
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: http::Request<Body>) -> http::Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LONGEST_BODY).await else { return plain(StatusCode::PAYLOAD_TOO_LARGE) };
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    // HTTP/2 has the host in the address, HTTP/1.1 in a header.
    let host =
        parts.uri.authority().map(|a| a.as_str().to_owned()).or_else(|| parts.headers.get(http::header::HOST).map(text));
    let request = wire::Request {
        method: parts.method.as_str().to_owned(),
        host: host.unwrap_or_default(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect(),
        body: body.to_vec(),
    };
    let call = Call {
        service: wire::service(&request.host, &request.path),
        method: request.method.clone(),
        path: request.path.clone(),
    };
    shared.touch();
    shared.hold(Moment::BeforeEffect, &call).await;
    let exchange = shared.perform(&request);
    shared.hold(Moment::BeforeAnswer, &call).await;
    // what no cloud has is not far away
    if call.service != wire::Service::Sandbox {
        tokio::time::sleep(shared.options.latency).await;
    }
    if let Ok(Exchange { delay, .. }) = &exchange {
        tokio::time::sleep(*delay).await;
    }
    shared.touch();
    match exchange.map(|e| e.fate) {
        Ok(Fate::Arrives(answer)) => fate::whole(answer),
        Ok(Fate::Cut(answer)) => fate::cut(answer),
        Ok(Fate::Lost) => fate::lost(),
        Ok(Fate::Later(after)) => {
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                shared.land(&request);
            });
            fate::lost()
        }
        // What happened is in memory and not on disk: to the client that is "in doubt", as it is in life. The next request
        // tries to save again.
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE),
    }
}

impl Shared {
    fn touch(&self) {
        *self.last_request.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn hold(&self, moment: Moment, call: &Call) {
        if let Some(hook) = &self.options.hook {
            hook(moment, call).await;
        }
    }

    /// The effect, forced to disk. The lock is held meanwhile: no answer may overtake what it rests on.
    fn perform(&self, request: &wire::Request) -> Result<Exchange, SandboxError> {
        let mut saved = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        let steered = self.control.as_ref().and_then(|control| control.answer(&mut saved.cloud, request));
        let exchange = match steered {
            Some(answer) => Exchange::own(answer),
            None => wire::exchange(&mut saved.cloud, now, request, self.control.is_some()),
        };
        saved.save()?;
        if let (Some(control), Some(entry)) = (&self.control, &exchange.entry) {
            control.keep(entry.clone());
        }
        Ok(exchange)
    }

    /// A request that its sender has given up on. One that is on its way when the server ends is lost.
    fn land(&self, request: &wire::Request) {
        let mut saved = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = wire::land(&mut saved.cloud, Timestamp::now(), request);
        // the next request tries again to save
        let _ = saved.save();
        if let Some(control) = &self.control {
            control.keep(entry);
        }
    }
}

fn plain(status: StatusCode) -> http::Response<Body> {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
