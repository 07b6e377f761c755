//! The table for everybody: what was tried, how much of it, what came of it, and what is not promised.

use crate::results::{Results, Size, Tried, grouped};

/// A line of the table.
struct Row {
    tried: &'static str,
    much: String,
    came: String,
}

/// Markdown, with a line on when and of what.
pub(crate) fn table(results: &Results) -> String {
    let rows = [
        search(results),
        rules(results),
        crashes(results),
        faults(results),
        seeds(results),
        consumers(results),
        controls(results),
        places(results),
        anywhere(results),
        journal(results),
        locks(results),
        leaks(results),
        fuzz(results),
        mutants(results),
        reached(results),
    ];
    let mut out = "| tried | how much | came to |\n|---|---|---|\n".to_owned();
    for Row { tried, much, came } in rows {
        out += &format!("| {tried} | {much} | {came} |\n");
    }
    out += &format!("| **not promised** | {} | {} |\n", NOT_PROMISED.join("; "), assumptions(results));
    let words = |what| results.each(what).into_iter().collect::<Vec<_>>().join(", ");
    let part = if out.contains(PART) { " † only the part that `cargo test` tries." } else { "" };
    out + &format!("\nTried on {} at commit {}. A suite that fails leaves no figures.{part}", words("day"), words("commit"))
}

/// Marks a figure of which more can be had.
const PART: &str = " †";

const NOT_PROMISED: [&str; 4] = [
    "anything beyond A1 and A2, which no vendor states",
    "that a second writer on another host is kept out: it is found and yielded to",
    "that tokens which were issued with a removed secret end before their time",
    "that real Azure behaves as the sandbox does: nothing has run against it",
];

/// One that was not run, or of which only a part was.
fn row<'a>(
    tried: &'static str,
    of: impl IntoIterator<Item = Option<Tried<'a>>>,
    say: impl Fn(&[Tried<'a>]) -> (String, String),
) -> Row {
    let all: Option<Vec<Tried<'a>>> = of.into_iter().collect();
    let Some(all) = all.filter(|all| !all.is_empty()) else {
        return Row { tried, much: "not run".into(), came: "unknown".into() };
    };
    let (mut much, came) = say(&all);
    if all.iter().any(|t| t.size == Size::Quick) {
        much += PART;
    }
    Row { tried, much, came }
}

fn of<'a>(all: &[Tried<'a>], what: &str) -> String {
    grouped(all.iter().map(|t| t.number(what)).sum())
}

fn begins(all: &[Tried<'_>], beginning: &str) -> String {
    grouped(all.iter().map(|t| t.sum(beginning)).sum())
}

/// What a soak adds.
fn soaked(results: &Results, suite: &str, say: impl Fn(&[Tried<'_>]) -> String) -> String {
    results.soak(suite).map(|t| format!("; in the soak {}", say(&[t]))).unwrap_or_default()
}

fn search(results: &Results) -> Row {
    let states = |t: &[Tried<'_>]| {
        let (scenes, states, transitions) = (of(t, "scenes searched to the end"), of(t, "states"), of(t, "transitions"));
        format!("{scenes} scenes to the end, {states} states, {transitions} transitions")
    };
    row(
        "every state that a rotation can get into, breadth first, on the code that ships: kills, requests refused, lost or late, stale \
         lists, two sign-in replicas",
        [results.best("search").or_else(|| results.best("search-small"))],
        |t| {
            let much = states(t) + &soaked(results, "search", states);
            (much, "S1 to S6, S9 to S11 hold in each; from each an end is reached".into())
        },
    )
}

fn rules(results: &Results) -> Row {
    row("each rule of the protocol taken away", [results.best("search-rules-off")], |t| {
        let much = format!("{} rules and sets of them, {} states", of(t, "missed"), of(t, "states"));
        let audit = of(t, "for audit only");
        (
            much,
            format!("each is missed: the search prints the shortest way to the harm; {audit} more are kept for audit only"),
        )
    })
}

fn crashes(results: &Results) -> Row {
    row(
        "killed at every crash point, and at every crash point of the next process; then resumed, and rolled back",
        [results.best("crashes"), results.best("crash-points")],
        |t| {
            let [crashes, points] = [&t[..1], &t[1..]];
            let much = format!(
                "{} crash points, {} runs, {} kills",
                of(points, "crash points"),
                of(crashes, "runs"),
                of(crashes, "kills")
            );
            (much, ended(begins(crashes, "Completed"), begins(crashes, "RolledBack")))
        },
    )
}

fn ended(completed: String, rolled_back: String) -> String {
    format!("all ended as promised: {completed} completed, {rolled_back} rolled back")
}

fn faults(results: &Results) -> Row {
    row("ten kinds of fault at every request: alone, in pairs, with a kill", [results.best("faults")], |t| {
        (format!("{} runs", of(t, "runs")), ended(of(t, "ended Completed"), of(t, "ended RolledBack")))
    })
}

fn seeds(results: &Results) -> Row {
    let runs = |t: &[Tried<'_>]| format!("{} seeds", of(t, "runs"));
    row(
        "all at once, drawn by seed: faults, kills, 1 to 40 credentials, another writer, a person at the vault, clocks off by a day",
        [results.best("seeds")],
        |t| {
            let alone = begins(t, "Alone");
            (runs(t) + &soaked(results, "seeds", runs), format!("each run ended, {alone} with nobody's help"))
        },
    )
}

fn consumers(results: &Results) -> Row {
    let sum = |t: &[Tried<'_>], what: &str| {
        let rows = ["completed", "resumed", "rolled back"];
        grouped(t.iter().flat_map(|t| rows.map(|row| t.counts()[row][what].as_u64().unwrap_or_default())).sum())
    };
    row(
        "50 consumers that fetch and sign in all the while, caches from none to the overlap",
        [results.best("consumers")],
        |t| {
            let much = format!("{} runs, {} sign-ins", sum(t, "runs"), sum(t, "sign-ins"));
            (much, format!("**{} failed**", sum(t, "failed")))
        },
    )
}

fn controls(results: &Results) -> Row {
    row(
        "control: the same consumers beside the same steps without the proof, and with delete at once",
        [results.best("consumers")],
        |t| {
            let of = |control: &str, what: &str| t.iter().filter_map(|t| t.counts()[control][what].as_u64()).sum();
            let [proof, once] = ["control: no proof before publishing", "control: delete at once"];
            let much = format!("{} and {} sign-ins", grouped(of(proof, "sign-ins")), grouped(of(once, "sign-ins")));
            (much, format!("{} and {} failed", grouped(of(proof, "failed")), grouped(of(once, "failed"))))
        },
    )
}

fn places(results: &Results) -> Row {
    row(
        "the shipped binary over HTTPS, SIGKILL at each crash point, then resumed, and rolled back",
        results.all("kills-at-").into_iter().map(Some),
        |t| (format!("{} runs", of(t, "runs")), ended(of(t, "completed"), of(t, "rolled back"))),
    )
}

fn anywhere(results: &Results) -> Row {
    let runs = |t: &[Tried<'_>]| {
        format!(
            "{} runs, {} of them killed twice, {} changes that arrived after their sender's death",
            of(t, "runs"),
            of(t, "second process killed too"),
            of(t, "of them when their sender was dead")
        )
    };
    row(
        "the same, killed between the bytes of requests, as changes arrive, at random times, and twice",
        [results.best("kills-anywhere")],
        |t| {
            let much = runs(t) + &soaked(results, "kills-anywhere", runs);
            (much, ended(of(t, "completed"), of(t, "rolled back")))
        },
    )
}

fn journal(results: &Results) -> Row {
    row(
        "the journal: cut, bits flipped, records dropped, doubled, swapped; calls that fail; what was not synced lost or reordered",
        ["journal-cuts", "journal-bits", "journal-records", "journal-disk", "journal-disk-twice"]
            .map(|suite| results.best(suite)),
        |t| {
            let records = t.iter().map(|t| t.number("dropped") + t.number("doubled") + t.number("swapped")).sum();
            let calls: Vec<_> = t.iter().copied().chain(results.best("journal-system-calls")).collect();
            let much = format!(
                "{} cuts, {} bits, {} records, {} calls that failed",
                of(t, "cuts"),
                of(t, "refused"),
                grouped(records),
                of(&calls, "calls that failed")
            );
            (much, "a torn tail is dropped, all other damage refused with nothing changed".into())
        },
    )
}

fn locks(results: &Results) -> Row {
    row("many processes at once on one run", results.all("locks-").into_iter().map(Some), |t| {
        let much = format!("{} starts", of(t, "starts"));
        (much, format!("{} times one worked, and the others changed nothing", of(t, "worked")))
    })
}

fn leaks(results: &Results) -> Row {
    let searched = |what: &str| -> u64 {
        let all = results.suites.values();
        all.filter_map(|suite| suite["counts"]["searched for secrets"][what].as_u64()).sum()
    };
    Row {
        tried: "leak hunt in all that these suites leave: any 8 bytes of any secret in 14 encodings, and Graph's hint",
        much: format!("{} texts, {} MB", grouped(searched("texts")), grouped(searched("bytes") / 1_000_000)),
        came: "nothing; what is planted is found".into(),
    }
}

fn fuzz(results: &Results) -> Row {
    row("fuzzing: journals, runbooks, answers of the services, events", [results.best("fuzz-corpora")], |t| {
        let runs: u64 = results
            .suites
            .iter()
            .filter(|((n, _), _)| n.starts_with("fuzz-"))
            .map(|(_, s)| &s["counts"]["executions"])
            .filter_map(serde_json::Value::as_u64)
            .sum();
        let much = format!("{} kept inputs", of(t, "inputs"));
        (
            if runs > 0 { format!("{much}; in the soak {} made up", grouped(runs)) } else { much },
            "no panic, nothing taken for what it is not".into(),
        )
    })
}

fn mutants(results: &Results) -> Row {
    let tried = "faults put into rotation, journal and outcome code (`cargo mutants`), against the pure suites";
    if results.mutants.is_empty() {
        return Row {
            tried,
            much: "not as a whole".into(),
            came: "what the first passes came to stands in docs/mutation.md".into(),
        };
    }
    let count = |summary: &str| grouped(results.mutants.values().filter(|s| *s == summary).count() as u64);
    Row {
        tried,
        much: format!("{} that compile", grouped(results.mutants.values().filter(|s| *s != "Unviable").count() as u64)),
        came: format!(
            "{} noticed, {} by the clock; {} not, each with its reason in docs/mutation.md",
            count("CaughtMutant"),
            count("Timeout"),
            count("MissedMutant")
        ),
    }
}

fn reached(results: &Results) -> Row {
    row("that all of it was reached", [results.best("reached")], |t| {
        let said = |t: &Tried<'_>| {
            let counts = t.counts().as_object().into_iter().flatten();
            counts.filter_map(|(what, n)| Some(format!("{what}: {}", n.as_str()?))).collect::<Vec<_>>().join("; ")
        };
        (t.iter().map(said).collect(), "what is not reached fails the suite".into())
    })
}

fn assumptions(results: &Results) -> String {
    let Some(t) = results.best("search-controls") else { return "not run".into() };
    let found = |what: &str| {
        let found = &t.counts()[what];
        let rule = found["found"].as_str().and_then(|f| f.split(':').next()).unwrap_or("?");
        format!("{what} the search finds {rule} broken after {} steps", found["steps"])
    };
    format!("{}, {}", found("without A1"), found("without A2"))
}
