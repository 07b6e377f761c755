//! The smallest set of requests that one rotation of one secret in one vault needs, and why each is needed.
//!
//! A request of a round needs an answer of the round before; those of one round may go side by side.

const ROUNDS: &[&[(&str, &str)]] = &[
    &[("token for Graph", "every request to Graph carries it")],
    &[
        ("token for Key Vault", "every request to the vault carries it; azure_identity asks for one token at a time"),
        ("application with its credentials", "is there room, what is the baseline, is another run at work"),
    ],
    &[("vault: current version", "the baseline is what the vault serves")],
    &[("sign in with the current value", "alive, or a repair: decides whether there is a way back")],
    &[("addPassword", "the new secret")],
    &[("sign in with the new value", "nothing is published that has not been proven (one sign-in where the window is 0s)")],
    &[
        ("vault: current version", "still the baseline's: nobody else has written since"),
        ("credentials", "no other run of this target has begun"),
    ],
    &[("vault: set", "the new version")],
    &[("vault: current version", "read back as a consumer does")],
    &[("sign in with what was read", "what consumers get signs in")],
    &[("vault: current version", "the version that is confirmed: the overlap counts from here")],
    &[("vault: current version", "after the overlap: still the confirmed one")],
    &[("sign in with what was read", "what the vault serves works without the old secret's help")],
    &[("removePassword", "the old secret")],
    &[
        ("credentials", "the old one is gone and none of ours is left over"),
        ("vault: current version", "for the last proof"),
    ],
    &[("sign in with what was read", "the vault's value still signs in after the removal")],
];

/// What keyrelay asks besides, so that it can say no before anything is changed. None of it adds a round.
const BESIDES: &[(&str, &str)] = &[
    (
        "application and credentials, each by itself",
        "two reads where one would do: each has an answer of its own to explain",
    ),
    ("service principal", "is it there and enabled"),
    ("app management policies, the application's and the tenant's", "may a secret be added, and for how long"),
    ("vault: one page of versions", "may they be listed, as a run must after a crash"),
];

pub(crate) fn count() -> usize {
    ROUNDS.iter().map(|r| r.len()).sum()
}

pub(crate) fn rounds() -> usize {
    ROUNDS.len()
}

pub(crate) fn print() {
    println!("## The smallest set: {} requests in {} rounds\n", count(), rounds());
    println!("| round | request | why |\n|---|---|---|");
    for (round, requests) in ROUNDS.iter().enumerate() {
        for (request, why) in *requests {
            println!("| {} | {request} | {why} |", round + 1);
        }
    }
    println!("\nBesides, side by side with these:\n");
    BESIDES.iter().for_each(|(request, why)| println!("- {request}: {why}"));
}
