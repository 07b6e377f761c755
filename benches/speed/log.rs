//! What the sandbox was asked, and when.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use keyrelay::sandbox::server::{Call, Hook, Moment};

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) call: Call,
    began: Instant,
    ended: Option<Instant>,
}

#[derive(Clone, Default)]
pub(crate) struct RequestLog(Arc<Mutex<Vec<Entry>>>);

impl RequestLog {
    /// Writes down each request. The latency is added after the hook's last moment, so it is part of what lies between requests.
    pub(crate) fn hook(&self) -> Hook {
        let entries = Arc::clone(&self.0);
        Arc::new(move |moment, call| {
            let mut entries = entries.lock().unwrap();
            match moment {
                Moment::BeforeEffect => entries.push(Entry { call: call.clone(), began: Instant::now(), ended: None }),
                Moment::BeforeAnswer => {
                    let open = entries.iter_mut().find(|e| e.ended.is_none() && e.call == *call);
                    open.unwrap().ended = Some(Instant::now());
                }
            }
            Box::pin(std::future::ready(()))
        })
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub(crate) fn snapshot(&self) -> RequestLog {
        RequestLog(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        let own = |e: &&Entry| !e.call.path.starts_with("/_sandbox");
        self.0.lock().unwrap().iter().filter(own).cloned().collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.entries().len()
    }

    pub(crate) fn table(&self) -> String {
        let entries = self.entries();
        let mut text = "| at ms | request |\n|---|---|".to_owned();
        for entry in &entries {
            let at = entry.began.duration_since(entries[0].began).as_millis();
            let path = entry.call.path.trim_start_matches('/');
            let _ = write!(text, "\n| {at} | {} {path} |", entry.call.method);
        }
        text
    }
}

/// The most of them that came one after the other, each at least the latency after the one before.
pub(crate) fn longest_chain(entries: &[Entry]) -> usize {
    let mut free = None;
    let mut chain = 0;
    for entry in entries {
        if free.is_none_or(|at| entry.began >= at) {
            chain += 1;
            free = Some(entry.ended.unwrap_or(entry.began) + super::LATENCY);
        }
    }
    chain
}
