//! Logs for whoever looks into a fault: to stderr, `warn` and above unless `RUST_LOG` says otherwise, as text or JSON lines.
#![allow(clippy::disallowed_methods)] // the environment is read here: RUST_LOG

use std::io::Write;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use super::terminal::Terminal;

/// `--log-format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line for each event, for people.
    #[default]
    Text,
    /// One JSON object on a line for each event.
    Json,
}

/// `RUST_LOG` cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("RUST_LOG is not a list of filters such as `keyrelay=debug,warn`: {0}")]
pub struct BadFilter(#[from] tracing_subscriber::filter::ParseError);

/// Sends logs to stderr from now on. The first call in a process counts.
///
/// # Errors
/// If `RUST_LOG` cannot be understood; nothing is logged then.
pub fn start(format: LogFormat, terminal: Terminal) -> Result<(), BadFilter> {
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    let subscriber = subscriber(format, terminal.colour, &asked, std::io::stderr)?;
    // somebody was first: their logs stay as they are
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

fn subscriber<W>(format: LogFormat, colour: bool, asked: &str, to: W) -> Result<Box<dyn Subscriber + Send + Sync>, BadFilter>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    for<'w> <W as MakeWriter<'w>>::Writer: Write,
{
    let asked = if asked.trim().is_empty() { "warn" } else { asked };
    let filter = EnvFilter::builder().parse(asked)?.and(filter_fn(is_fit_to_log));
    let to = tracing_subscriber::fmt::layer().with_writer(to).with_ansi(colour);
    Ok(match format {
        LogFormat::Text => Box::new(tracing_subscriber::registry().with(to.with_filter(filter))),
        LogFormat::Json => Box::new(tracing_subscriber::registry().with(to.json().flatten_event(true).with_filter(filter))),
    })
}

/// What the SDK and the layers below it say below `info` is about requests and their bytes, and some of these hold the value:
/// it is not logged, whatever `RUST_LOG` says.
fn is_fit_to_log(metadata: &Metadata<'_>) -> bool {
    const CARRIERS: [&str; 15] = [
        "azure_core",
        "azure_identity",
        "azure_security_keyvault_secrets",
        "typespec",
        "typespec_client_core",
        "reqwest",
        "hyper",
        "hyper_util",
        "h2",
        "http",
        "tower",
        "axum",
        "rustls",
        "tokio_rustls",
        "tokio_util",
    ];
    let from = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || !CARRIERS.contains(&from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, asked: &str) -> String {
        let sink = Sink::default();
        let to = sink.clone();
        let subscriber = subscriber(format, false, asked, move || to.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(run = "r1", "ours warns");
            tracing::debug!("ours debugs");
            tracing::info!(target: "azure_core::http", "theirs informs");
            tracing::debug!(target: "azure_core::http", "theirs debugs");
            tracing::trace!(target: "hyper", "theirs traces");
        });
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn warnings_are_logged_unless_more_is_asked_for() {
        let text = logged(LogFormat::Text, "");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("WARN") && text.contains("ours warns") && text.contains("run=\"r1\""), "{text}");
        assert_eq!(logged(LogFormat::Text, "off"), "");
    }

    #[test]
    fn what_carries_requests_never_logs_below_info() {
        for asked in ["trace", "azure_core=trace,hyper=trace,keyrelay=debug,warn"] {
            let text = logged(LogFormat::Text, asked);
            assert!(text.contains("ours debugs") && text.contains("theirs informs"), "{text}");
            assert!(!text.contains("theirs debugs") && !text.contains("theirs traces"), "{text}");
        }
    }

    #[test]
    fn json_is_one_object_on_a_line() {
        let text = logged(LogFormat::Json, "");
        let value: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(value["level"], "WARN");
        assert_eq!(value["message"], "ours warns");
        assert_eq!(value["run"], "r1");
    }

    #[test]
    fn a_filter_that_cannot_be_understood_is_refused() {
        let refused = subscriber(LogFormat::Text, false, "keyrelay=loud", std::io::stderr);
        assert!(refused.is_err_and(|e| e.to_string().starts_with("RUST_LOG is not a list of filters")));
    }
}
