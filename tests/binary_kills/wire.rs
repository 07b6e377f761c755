//! The sandbox inside the test, at the end of a wire: what a process has sent goes on to the service although the process is dead,
//! as on a real network. The wire counts the bytes that were sent, and says when it is time to kill.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use keyrelay::sandbox::server::{Call, Moment, Pace, ServeOptions, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep, sleep_until};

use crate::binary::Home;

/// How long a dead process's connection is kept, so that the service can finish what it was asked.
pub(crate) const LINGER: Duration = Duration::from_millis(150);

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

/// When to kill, in bytes that were sent since [`Wire::kill_after`].
#[derive(Debug, Clone, Copy)]
struct Cut {
    at: u64,
    /// The byte at which it is cut is the last to arrive; else all arrives that was sent in one go with it.
    sharp: bool,
}

#[derive(Default)]
struct Shared {
    sent: AtomicU64,
    cut: Mutex<Option<(Cut, mpsc::Sender<()>)>>,
    /// Which change from now on, from 1, kills its sender before it has an effect.
    fatal: Mutex<Option<(u64, mpsc::Sender<()>)>>,
    /// A process that we know is at work.
    alive: AtomicBool,
    /// Changes that reached the service while no process was alive.
    late: AtomicU64,
    changes: AtomicU64,
}

/// The service of a home and the wire to it.
pub(crate) struct Wire {
    shared: Arc<Shared>,
    server: Option<Server>,
}

fn changes(call: &Call) -> bool {
    let action = ["addPassword", "removePassword"].iter().any(|a| call.path.ends_with(a));
    matches!(call.method.as_str(), "PUT" | "PATCH" | "DELETE") || action
}

impl Wire {
    /// What the home's commands send takes this long to arrive.
    pub(crate) fn to(home: &Home, latency: Duration) -> Wire {
        let shared = Arc::new(Shared::default());
        let seen = shared.clone();
        let hook = move |moment: Moment, call: &Call| -> futures::future::BoxFuture<'static, ()> {
            let (arrives, seen) = (moment == Moment::BeforeEffect && changes(call), seen.clone());
            Box::pin(async move {
                if arrives {
                    seen.change_arrives().await;
                }
            })
        };
        let folder = home.state().join("sandbox");
        let options =
            ServeOptions { pace: Pace::Instant, idle: None, hook: Some(Arc::new(hook)), ..ServeOptions::new(&folder) };
        let server = runtime().block_on(Server::start(options)).unwrap();
        let service = server.endpoint().address;
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let mut endpoint = server.endpoint().clone();
        endpoint.address = listener.local_addr().unwrap();
        fs::write(folder.join("endpoint.json"), serde_json::to_vec(&endpoint).unwrap()).unwrap();
        let lines = shared.clone();
        runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                runtime().spawn(carry(client, service, latency, lines.clone()));
            }
        });
        Wire { shared, server: Some(server) }
    }

    /// From now on a process is at work.
    pub(crate) fn process_starts(&self) {
        self.shared.alive.store(true, Ordering::SeqCst);
    }

    /// It is surely dead.
    pub(crate) fn process_is_dead(&self) {
        self.shared.alive.store(false, Ordering::SeqCst);
    }

    /// Tells when the `at`-th byte from now on was sent. If `sharp` nothing behind it arrives.
    pub(crate) fn kill_after(&self, at: u64, sharp: bool) -> mpsc::Receiver<()> {
        let (tell, told) = mpsc::channel();
        let at = self.shared.sent.load(Ordering::SeqCst) + at.max(1);
        *self.shared.cut.lock().unwrap() = Some((Cut { at, sharp }, tell));
        told
    }

    /// Tells when the `nth` change from now on, from 1, has arrived; it has its effect when its sender is dead.
    pub(crate) fn kill_at_change(&self, nth: u64) -> mpsc::Receiver<()> {
        let (tell, told) = mpsc::channel();
        *self.shared.fatal.lock().unwrap() = Some((nth, tell));
        told
    }

    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Changes that reached the service, and those of them that did so when their sender was dead.
    pub(crate) fn changes(&self) -> (u64, u64) {
        (self.shared.changes.load(Ordering::SeqCst), self.shared.late.load(Ordering::SeqCst))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            runtime().block_on(server.stop());
        }
    }
}

/// One connection.
async fn carry(client: TcpStream, service: SocketAddr, latency: Duration, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(service).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = runtime().spawn(async move {
        let mut buffer = vec![0; 1 << 14];
        let mut listening = true;
        while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
            listening = listening && to_client.write_all(&buffer[..n]).await.is_ok();
        }
    });
    let (sent, mut arriving) = tokio::sync::mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let delivery = runtime().spawn(async move {
        while let Some((when, bytes)) = arriving.recv().await {
            sleep_until(when).await;
            if to_server.write_all(&bytes).await.is_err() {
                return;
            }
        }
        sleep(LINGER).await;
    });
    let mut buffer = vec![0; 1 << 14];
    while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
        let (passes, cut) = shared.count(n);
        let _ = sent.send((Instant::now() + latency, buffer[..passes].to_vec()));
        if cut {
            break;
        }
    }
    drop(sent);
    let _ = delivery.await;
    answers.abort();
}

impl Shared {
    async fn change_arrives(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        let fatal = self.fatal.lock().unwrap().take_if(|(left, _)| {
            *left -= 1;
            *left == 0
        });
        if let Some((_, tell)) = fatal {
            let _ = tell.send(());
            let until = Instant::now() + LINGER;
            while self.alive.load(Ordering::SeqCst) && Instant::now() < until {
                sleep(Duration::from_millis(1)).await;
            }
        }
        self.late.fetch_add(u64::from(!self.alive.load(Ordering::SeqCst)), Ordering::SeqCst);
    }

    /// How many of the next `n` bytes pass, and whether it was cut here.
    fn count(&self, n: usize) -> (usize, bool) {
        let mut cut = self.cut.lock().unwrap();
        let before = self.sent.fetch_add(n as u64, Ordering::SeqCst);
        let reached = cut.as_ref().is_some_and(|(c, _)| c.at <= before + n as u64);
        match cut.take_if(|_| reached) {
            Some((Cut { at, sharp }, tell)) => {
                let _ = tell.send(());
                if sharp { (usize::try_from(at - before).unwrap(), true) } else { (n, false) }
            }
            None => (n, false),
        }
    }
}
