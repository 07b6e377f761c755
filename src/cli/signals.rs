//! The first Ctrl-C or SIGTERM finishes the effect in flight and stops at the next checkpoint; the second ends at once.
#![allow(clippy::disallowed_methods)] // ends the process at the second signal, as the person asked

use tokio::sync::watch;

use crate::driver::Stop;
use crate::error::exit;

/// Whether somebody asked to stop.
pub(super) struct Signals(watch::Receiver<bool>);

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> Signals {
        let (asked, receiver) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                signal().await;
                if *asked.borrow() {
                    std::process::exit(i32::from(exit::INTERRUPTED));
                }
                asked.send_replace(true);
            }
        });
        Signals(receiver)
    }
}

impl Stop for Signals {
    fn requested(&self) -> bool {
        *self.0.borrow()
    }

    async fn asked(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return std::future::pending().await;
    };
    tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
