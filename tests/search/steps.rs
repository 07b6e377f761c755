//! Every way on from a state: the process goes on, something happens to it, somebody says something, the world does something.

use std::rc::Rc;

use jiff::Timestamp;
use keyrelay::rotation::answers::{Mutation, Refusal, RefusalKind, Reported, SignIn, Trace};
use keyrelay::rotation::invariants::s5_intended;
use keyrelay::rotation::names::{KeyId, VaultIx};
use keyrelay::rotation::plan::{Delete, VaultStart};
use keyrelay::rotation::state::Hold;
use keyrelay::rotation::usage::{Unknown, Usage};
use keyrelay::rotation::{Effect, Event, Phase, Reading};

use crate::scene::{Scene, Start, TICK, ticks};
use crate::services::refused;
use crate::state::{Late, Made, Packet, State};
use crate::words::{request, said};

/// What sort of way it is. After faults have stopped, only the first three are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The process works, time passes, the world does what A1 and A2 leave open.
    Goes,
    /// A person resumes a run that has paused, or releases it.
    Resumes,
    /// A person asks for the way back.
    Returns,
    /// A kill, a loss, a nap, somebody else's hand.
    Fault,
}

pub(crate) struct Way {
    pub sort: Sort,
    pub what: String,
    pub to: State,
}

pub(crate) struct Ways<'a> {
    pub scene: &'a Scene,
    /// Whether anybody will read `what`.
    pub told: bool,
    pub out: Vec<Way>,
}

fn trace() -> Trace {
    Trace::default()
}

fn resumed() -> Event {
    Event::Resumed { by: String::new() }
}

impl Ways<'_> {
    fn add(&mut self, sort: Sort, what: impl FnOnce() -> String, to: State) {
        let what = if self.told { what() } else { String::new() };
        self.out.push(Way { sort, what, to });
    }

    /// The process is told `event`, in the state `from`.
    fn tell(&mut self, sort: Sort, from: State, event: Event) {
        let what = || said(&event);
        let to = take(from, &event);
        self.add(sort, what, to);
    }

    pub(crate) fn all(&mut self, state: &State) {
        self.out.clear();
        if state.wrong.is_some() {
            return;
        }
        self.late(state);
        if state.over() {
            if !state.late.is_empty() {
                self.add(Sort::Goes, || "time passes".to_owned(), state.tick(self.scene));
            }
            return;
        }
        let paused = matches!(state.run.phase(), Phase::NeedsOperator { .. });
        if paused {
            self.add(Sort::Resumes, || "RESUMED by a person".to_owned(), take(state.clone(), &resumed()));
            if !state.late.is_empty() {
                self.add(Sort::Goes, || "time passes".to_owned(), state.tick(self.scene));
            }
        } else {
            self.process(state);
            self.kill(state);
        }
        self.rollback(state);
        if state.naps < self.scene.naps && !paused {
            let mut next = state.tick(self.scene);
            next.naps += 1;
            self.add(Sort::Fault, || "the process is suspended for a tick".to_owned(), next);
        }
    }

    fn late(&mut self, state: &State) {
        for (n, late) in state.late.iter().enumerate() {
            let mut next = state.clone();
            next.late.remove(n);
            // one that comes after its time, in the control, is listed a settle later
            let settled = late.until.max(state.now + ticks(i32::from(self.scene.breaks_a1)));
            let landed = next.perform(&late.packet, settled, self.scene);
            let how = if landed.is_ok() { "lands late" } else { "comes late and is refused" };
            self.add(Sort::Goes, || format!("{} {how}", request(&late.packet.request)), next);
        }
    }

    fn process(&mut self, state: &State) {
        let held_back = *state.run.phase() == Phase::Delete && state.run.plan().delete == Delete::OnRelease;
        if held_back && state.run.hold() != Hold::Released && state.run.in_flight().is_none() {
            self.tell(Sort::Resumes, state.clone(), Event::Released { by: String::new(), why: String::new() });
        }
        let lingers = matches!(state.run.phase(), Phase::Wait | Phase::Adoption) && !state.run.back();
        if self.scene.accepts && lingers {
            let event = Event::OutageAccepted { by: String::new(), consumers: vec![0] };
            self.tell(Sort::Resumes, state.clone(), event);
        }
        match state.run.next(state.now) {
            Effect::Wait { .. } => {
                self.add(Sort::Goes, || "time passes".to_owned(), state.tick(self.scene));
                self.stranger(state, "");
            }
            Effect::Read(reading) => self.read(state, reading),
            Effect::Mutate(request) if state.run.in_flight().is_none() => self.intend(state, &request),
            Effect::Mutate(request) => self.send(state, &request),
            Effect::Refresh { consumers } => {
                for consumer in consumers {
                    let event = |ok| Event::ConsumerRefreshed { consumer, ok, note: String::new() };
                    self.tell(Sort::Goes, state.clone(), event(true));
                    self.lose(state, event(false));
                }
            }
            Effect::Check { consumers } => {
                for consumer in consumers {
                    let event = |ok, reported| Event::ConsumerChecked { consumer, ok, reported, note: String::new() };
                    self.tell(Sort::Goes, state.clone(), event(true, Reported::New));
                    if self.scene.leak.is_some() {
                        // well, and it does not say what it uses: that shows nothing
                        self.tell(Sort::Goes, state.clone(), event(true, Reported::Neither));
                    }
                    self.lose(state, event(false, Reported::Neither));
                    self.lose(state, event(true, Reported::Old));
                }
            }
            Effect::GiveUp => self.tell(Sort::Goes, state.clone(), Event::GaveUp),
            Effect::NeedsOperator(reason) => {
                let what = format!("nothing to do in {:?}: {reason:?}", state.run.phase());
                self.add(Sort::Goes, || "it stops".to_owned(), state.clone().breaks("L1", what));
            }
            Effect::Ended(_) => {}
        }
    }

    /// The process is told `event`, which is a loss.
    fn lose(&mut self, state: &State, event: Event) {
        if self.may_lose(state) {
            let mut from = state.clone();
            from.losses += 1;
            self.tell(Sort::Fault, from, event);
        }
    }

    fn may_lose(&self, state: &State) -> bool {
        state.losses < self.scene.losses
    }

    /// The process asks for all that it has to know side by side, and takes the answers down in the order of its questions. So an
    /// answer may be older than the one before it: that matters while something may happen in between.
    fn read(&mut self, state: &State, reading: Reading) {
        if let Some(n) = state.early.iter().position(|(r, _)| *r == reading) {
            let mut from = state.clone();
            let (_, event) = from.early.remove(n);
            return self.tell(Sort::Goes, from, event);
        }
        for (sort, from, event) in self.answers(state, reading) {
            self.tell(sort, from, event);
        }
        let something_may_happen = !state.late.is_empty() || state.naps < self.scene.naps;
        let others = state.run.readings().into_iter().filter(|r| something_may_happen && *r != reading);
        for other in others.filter(|r| state.early.iter().all(|(e, _)| e != r)).collect::<Vec<_>>() {
            for (sort, mut from, event) in self.answers(state, other) {
                if matches!(event, Event::ReadRefused { .. }) {
                    continue; // says the same whenever it came
                }
                let what = || format!("answered already: {}", said(&event));
                let what = if self.told { what() } else { String::new() };
                from.early.push((other, event));
                self.add(sort, || what, from);
            }
        }
    }

    /// Every answer to a reading, with the state that it is given in.
    fn answers(&self, state: &State, reading: Reading) -> Vec<(Sort, State, Event)> {
        let mut out = Vec::new();
        let mut lost = state.clone();
        lost.losses += 1;
        let unavailable = || SignIn::Unavailable { why: String::new() };
        if let Reading::SignIns { key_id, since } = reading {
            return logged(state, key_id, since);
        }
        if self.may_lose(state) {
            let event = if matches!(reading, Reading::Leaked { .. }) {
                Event::LeakedTried { answer: unavailable(), trace: trace() }
            } else if reading == Reading::SignIn {
                Event::SignedIn { answer: unavailable(), trace: trace() }
            } else {
                Event::ReadRefused { refusal: refused(RefusalKind::Forbidden), trace: trace() }
            };
            out.push((Sort::Fault, lost.clone(), event));
        }
        match reading {
            Reading::Credentials => {
                let event = |credentials| Event::CredentialsListed { credentials, trace: trace() };
                out.extend(state.lists().into_iter().map(|list| (Sort::Goes, state.clone(), event(list))));
            }
            Reading::Versions { vault } => {
                let versions = state.versions(vault);
                out.push((Sort::Goes, state.clone(), Event::VersionsListed { vault, versions, trace: trace() }));
            }
            Reading::Vault { vault, sign_in } => {
                let (current, value) = state.current(vault);
                let event = |sign_in: Option<SignIn>| {
                    let sign_in_trace = sign_in.is_some().then(trace);
                    Event::VaultRead { vault, current: current.clone(), sign_in, trace: trace(), sign_in_trace }
                };
                let Some(value) = value.filter(|_| sign_in) else {
                    out.push((Sort::Goes, state.clone(), event(None)));
                    return out;
                };
                if self.may_lose(state) {
                    out.push((Sort::Fault, lost, event(Some(unavailable()))));
                }
                let answers = state.sign_ins(&value, self.scene).into_iter();
                out.extend(answers.map(|(answer, from)| (sort(state, &from), from, event(Some(answer)))));
            }
            Reading::Baseline { vault, version } => {
                let value = state.value_of(vault, version).unwrap();
                let answers = state.sign_ins(&value, self.scene).into_iter();
                let event = |answer| Event::BaselineProven { answer, trace: trace() };
                out.extend(answers.map(|(answer, from)| (sort(state, &from), from, event(answer))));
            }
            Reading::Leaked { held_in } => {
                let held = held_in.unwrap();
                let Ok(value) = state.value_of(held.vault, held.version) else {
                    out.push((Sort::Goes, state.clone(), Event::LeakedMissing { why: String::new() }));
                    return out;
                };
                let answers = state.sign_ins(&value, self.scene).into_iter();
                let event = |answer| Event::LeakedTried { answer, trace: trace() };
                out.extend(answers.map(|(answer, from)| (sort(state, &from), from, event(answer))));
            }
            Reading::SignIn => {
                let Some((_, value)) = &state.memory else { return out };
                let answers = state.sign_ins(value, self.scene).into_iter();
                let event = |answer| Event::SignedIn { answer, trace: trace() };
                out.extend(answers.map(|(answer, from)| (sort(state, &from), from, event(answer))));
            }
            Reading::SignIns { .. } => {}
        }
        out
    }

    /// What is copied is read before the intent to write it.
    fn intend(&mut self, state: &State, request: &Mutation) {
        if let Err(refusal) = state.packet(request) {
            return self.tell(Sort::Goes, state.clone(), Event::ReadRefused { refusal, trace: trace() });
        }
        let over_a_hand = match request {
            Mutation::WriteVault { vault, .. } => self.by_hand(state, *vault),
            Mutation::AddSecret { .. } | Mutation::DisableVersion { .. } | Mutation::RemoveSecret { .. } => false,
        };
        let mut from = state.clone();
        if over_a_hand {
            from = from.breaks("S4", "what somebody else had written while no process worked is written over");
        }
        let dead = |s: &crate::state::Standing| s.attempt == 0 && !s.living;
        if matches!(request, Mutation::WriteVault { attempt: 0, .. }) && state.standings.iter().any(dead) {
            from = from.breaks("S1", "a value is put back that had died before");
        }
        self.tell(Sort::Goes, from, Event::Intended { request: request.clone() });
    }

    /// Whether the vault serves what somebody wrote by hand since the start.
    fn by_hand(&self, state: &State, vault: VaultIx) -> bool {
        let start = match state.run.plan().vaults[usize::from(vault.0)] {
            VaultStart::Holds { version } => Some(version),
            VaultStart::Empty => None,
        };
        state.made[usize::from(vault.0)].last().is_some_and(|m| m.attempt.is_none() && Some(m.id) != start)
    }

    fn send(&mut self, state: &State, request: &Mutation) {
        let packet = match state.packet(request) {
            Ok(Some(packet)) => packet,
            Ok(None) | Err(_) => {
                let refusal = refused(RefusalKind::Rejected);
                return self.tell(Sort::Goes, state.clone(), Event::NotApplied { refusal, trace: trace() });
            }
        };
        let settled = state.now + ticks(self.scene.settle);
        let mut done = state.clone();
        if let Err(broken) = s5_intended(&state.run, request) {
            done.wrong = Some(broken);
        }
        let result = done.perform(&packet, settled, self.scene);
        let mut answered = done.clone();
        match result {
            Ok((result, value)) => {
                if let (Mutation::AddSecret { attempt }, Some(value)) = (request, value) {
                    answered.memory = Some((*attempt, value));
                }
                self.tell(Sort::Goes, answered, Event::Applied { result, trace: trace() });
            }
            Err(refusal) => self.tell(Sort::Goes, answered, Event::NotApplied { refusal, trace: trace() }),
        }
        if !self.may_lose(state) {
            return;
        }
        done.losses += 1;
        self.tell(Sort::Fault, done, in_doubt());
        for kind in [RefusalKind::Throttled, RefusalKind::Forbidden] {
            let mut from = state.clone();
            from.losses += 1;
            self.tell(Sort::Fault, from, Event::NotApplied { refusal: refused(kind), trace: trace() });
        }
        let mut from = state.clone();
        from.losses += 1;
        from.late.push(Late { packet, until: settled });
        self.tell(Sort::Fault, from, in_doubt());
    }

    /// `kill -9`, and another process takes the run over. What was under way may land yet, at once or later or never.
    fn kill(&mut self, state: &State) {
        if state.crashes >= self.scene.crashes {
            return;
        }
        let mut next = state.clone();
        next.crashes += 1;
        let under_way = state.run.in_flight().and_then(|request| state.packet(request).ok().flatten());
        if let Some(packet) = under_way {
            next.late.push(Late { packet, until: state.now + ticks(self.scene.settle) });
        }
        let next = take(next, &resumed());
        self.stranger(&next, "KILLED, ");
        let sent = if state.run.in_flight().is_some() { " with the request under way" } else { "" };
        self.add(Sort::Fault, || format!("KILLED{sent}, resumed"), next);
    }

    /// Somebody sets the old value by hand (disables ours where there was nothing), or removes the old secret, while no process works and the old secret is not given up.
    fn stranger(&mut self, state: &State, how: &str) {
        let baseline = state.run.plan().baseline;
        if state.strangers >= self.scene.strangers || state.run.past_return() || !baseline.alive() {
            return;
        }
        let key_id = baseline.key_id().unwrap();
        if self.scene.start == Start::Dying {
            let mut next = state.clone();
            next.strangers += 1;
            let packet = Packet { request: Mutation::RemoveSecret { key_id }, carried: None };
            let done = next.perform(&packet, state.now + ticks(self.scene.settle), self.scene);
            if done.is_ok() {
                self.add(Sort::Fault, || format!("{how}somebody removes the old secret"), next);
            }
            return;
        }
        for vault in (0..state.made.len()).map(|v| VaultIx(v as u8)) {
            let mut next = state.clone();
            next.strangers += 1;
            let VaultStart::Holds { version } = state.run.plan().vaults[usize::from(vault.0)] else {
                // not on the way back: there a vault without a version to confirm does not show that it moved in between
                let ours = state.made[usize::from(vault.0)].last().filter(|m| m.enabled && !state.run.back()).map(|m| m.id);
                let Some(version) = ours else { continue };
                let packet = Packet { request: Mutation::DisableVersion { vault, version }, carried: None };
                next.perform(&packet, state.now, self.scene).unwrap();
                self.add(Sort::Fault, || format!("{how}somebody disables our version in vault {}", vault.0), next);
                continue;
            };
            let value = state.value_of(vault, version).unwrap();
            let id = next.set(vault, value, Default::default(), self.scene);
            next.made[usize::from(vault.0)].push(Made { id, attempt: None, key_id: key_id.0, enabled: true });
            self.add(Sort::Fault, || format!("{how}somebody sets the old value in vault {} by hand", vault.0), next);
        }
    }

    /// Asked for by a person: the process that works stops at its next checkpoint, another one takes the run over.
    fn rollback(&mut self, state: &State) {
        if state.run.in_flight().is_some() || !state.run.may_go_back() {
            return;
        }
        let from = take(state.clone(), &resumed());
        let restore_leaked = self.scene.leak.is_some();
        let ask = |baseline| Event::RollbackRequested { by: String::new(), reason: String::new(), baseline, restore_leaked };
        let mut answers = vec![(None, from.clone())];
        if let Some((vault, version)) = from.run.rollback_proof() {
            let value = from.value_of(vault, version).unwrap();
            answers = from.sign_ins(&value, self.scene).into_iter().map(|(a, s)| (Some(a), s)).collect();
        }
        for (baseline, from) in answers {
            if from.run.apply(from.now, &ask(baseline.clone())).is_ok() {
                self.add(Sort::Returns, || "ROLLBACK asked for".to_owned(), take(from, &ask(baseline)));
            }
        }
    }
}

/// Whether something was lost on the way.
fn sort(before: &State, after: &State) -> Sort {
    if before.losses < after.losses { Sort::Fault } else { Sort::Goes }
}

fn in_doubt() -> Event {
    let refusal: Refusal = refused(RefusalKind::Unanswered);
    Event::InDoubt { refusal, trace: trace() }
}

/// What the driver does with an event: the rotation takes it, and the value goes when the rotation wants it no more.
pub(crate) fn take(mut from: State, event: &Event) -> State {
    match from.run.apply(from.now, event) {
        Ok(run) => from.run = Rc::new(run),
        Err(illegal) => return from.breaks("S9", illegal.to_string()),
    }
    if matches!(event, Event::Resumed { .. }) || from.memory.as_ref().map(|(attempt, _)| *attempt) != from.run.held() {
        from.memory = None;
    }
    let answered = matches!(
        event,
        Event::CredentialsListed { .. }
            | Event::VaultRead { .. }
            | Event::VersionsListed { .. }
            | Event::BaselineProven { .. }
            | Event::ReadRefused { .. }
    );
    if !(answered && matches!(from.run.next(from.now), Effect::Read(_))) {
        from.early.clear();
    }
    if from.run.held().is_some() && from.memory.is_none() {
        return from.breaks("S9", "the value is thought to be in memory, and is not");
    }
    from
}

/// What the sign-in records may say: nobody, somebody a moment ago (which is no ordinary course: it could go on for ever), not
/// now, never.
fn logged(state: &State, key_id: KeyId, since: Timestamp) -> Vec<(Sort, State, Event)> {
    let until = state.now - TICK;
    let usage = |last: Option<Timestamp>, unknown| {
        let total = u64::from(last.is_some());
        Usage { key_id, since, until, unknown, total, expected: 0, own: 0, last, sources: Vec::new(), more: 0 }
    };
    let told = [
        (Sort::Goes, usage(None, None)),
        (Sort::Fault, usage(Some(until), None)),
        (Sort::Fault, usage(None, Some(Unknown::Throttled))),
        (Sort::Fault, usage(None, Some(Unknown::LicenceMissing))),
    ];
    told.into_iter().map(|(sort, usage)| (sort, state.clone(), Event::UsageRead { usage })).collect()
}
