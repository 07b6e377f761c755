//! Bearing with services that do not answer: reads are repeated, within a limit. Nothing that changes the cloud goes through here.

use jiff::SignedDuration;

use super::Stop;
use crate::clock::Clock;
use crate::ports::Read;
use crate::rotation::answers::{Refusal, RefusalKind};

/// How long one read may fail for passing reasons.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Unreachable, unanswered, throttled, and the like.
    pub limit: SignedDuration,
    /// Not found: what was made a moment ago may not be seen everywhere yet, and what was never made is not worth waiting for.
    pub not_found: SignedDuration,
}

impl Patience {
    fn with(&self, kind: RefusalKind) -> SignedDuration {
        if kind == RefusalKind::NotFound { self.not_found } else { self.limit }
    }
}

/// Asks until there is an answer or a refusal that will not pass, for no longer than `patience`.
pub async fn patiently<T, C: Clock, P: Stop>(
    clock: &C,
    stop: &P,
    patience: Patience,
    mut retrying: impl FnMut(&Refusal),
    ask: impl AsyncFn() -> Read<T>,
) -> Read<T> {
    let mut waited = SignedDuration::ZERO;
    for tries in 0.. {
        let answer = ask().await;
        let trace = match &answer {
            Ok((_, trace)) | Err((_, trace)) => trace,
        };
        trace.date.into_iter().for_each(|date| clock.observe(date));
        let Err((refusal, _)) = &answer else { return answer };
        let passes = refusal.kind.passes() || refusal.kind == RefusalKind::BadAnswer;
        if !passes || waited >= patience.with(refusal.kind) || stop.requested() {
            return answer;
        }
        retrying(refusal);
        let rest = crate::rotation::backoff(tries, refusal.retry_after);
        pause(clock, stop, rest).await;
        waited = waited.saturating_add(rest);
    }
    ask().await
}

/// Sleeps, unless somebody asks to stop.
pub async fn pause<C: Clock, P: Stop>(clock: &C, stop: &P, pause: SignedDuration) {
    let (sleep, asked) = (std::pin::pin!(clock.sleep(pause)), std::pin::pin!(stop.asked()));
    futures::future::select(sleep, asked).await;
}
