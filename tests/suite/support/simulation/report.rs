//! What a run came to, as a table.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::{
    facts::{Finding, Tally, Wrong},
    site::{Event, Setup},
};

pub struct Report {
    pub setup: Setup,
    /// What happened, and how often.
    pub events: BTreeMap<Event, u32>,
    pub tally: Tally,
    /// What the nodes said of defects of their own.
    pub complaints: Vec<String>,
}

/// A line of the table: what it says of a run.
type Line = (&'static str, fn(&Report) -> String);

const LINES: [Line; 26] = [
    ("sign-ins", |run| run.tally.signed_in.to_string()),
    ("refreshes granted", |run| run.tally.refreshed.to_string()),
    ("checks answered", |run| run.tally.checked.to_string()),
    ("step-ups", |run| run.tally.stepped_up.to_string()),
    ("sign-outs", |run| run.tally.signed_out.to_string()),
    ("requests without an answer, or with 503", |run| run.tally.unanswered.to_string()),
    ("faults", |run| run.events.values().sum::<u32>().to_string()),
    ("**honest users signed out**", |run| run.count(Wrong::HonestOut)),
    ("sessions bound to no key of which a thief used a token", |run| run.tally.thefts.to_string()),
    ("ended by it", |run| run.tally.caught.len().to_string()),
    ("after the thief's first use, median", |run| run.caught(|times| times[times.len() / 2])),
    ("after the thief's first use, at most", |run| run.caught(|times| times[times.len() - 1])),
    ("uses of a replaced token that were refused", |run| run.tally.late_uses_refused.to_string()),
    ("**that were answered**", |run| run.count(Wrong::TheftMissed)),
    ("refreshes of a bound session without its key that were refused", |run| {
        run.tally.keyless_refused.to_string()
    }),
    ("proofs that came twice, and were refused the second time", |run| run.tally.copies_refused.to_string()),
    ("**bound sessions refreshed without a new proof**", |run| run.count(Wrong::Unproved)),
    ("**let in after a sign-out, beyond the bound**", |run| run.count(Wrong::LetInLate)),
    ("longest, at the node that answered 204", |run| millis(run.tally.let_in_for[0])),
    ("longest, at another node", |run| millis(run.tally.let_in_for[1])),
    ("longest, at another node in trouble", |run| millis(run.tally.let_in_for[2])),
    ("**acknowledged sign-ins lost**", |run| run.count(Wrong::SignInLost)),
    ("**acknowledged refreshes lost**", |run| run.count(Wrong::RefreshLost)),
    ("**acknowledged step-ups lost**", |run| run.count(Wrong::StepUpLost)),
    ("**generations issued as two tokens**", |run| run.count(Wrong::Forked)),
    ("**acknowledged sign-outs lost**", |run| run.count(Wrong::SignOutLost)),
];

impl Report {
    /// What must not have happened, and did; one of each kind with all that was known before.
    pub fn findings(&self) -> String {
        let mut kinds: BTreeMap<Wrong, Vec<&Finding>> = BTreeMap::new();
        for finding in &self.tally.findings {
            kinds.entry(finding.wrong).or_default().push(finding);
        }
        let mut text = self.complaints.join("\n");
        for (wrong, findings) in kinds {
            let first = findings[0];
            let _ = write!(text, "\n{} times {wrong:?}, the first: {}", findings.len(), first.what);
            for line in &first.history {
                let _ = write!(text, "\n    {line}");
            }
        }
        text
    }

    fn count(&self, wrong: Wrong) -> String {
        self.tally.findings.iter().filter(|finding| finding.wrong == wrong).count().to_string()
    }

    fn caught(&self, which: fn(&[Duration]) -> Duration) -> String {
        let mut times = self.tally.caught.clone();
        times.sort_unstable();
        if times.is_empty() { String::new() } else { format!("{:.1} s", which(&times).as_secs_f64()) }
    }
}

/// A column for each run.
pub fn table(runs: &[Report]) -> String {
    let name = |run: &Report| match run.setup {
        Setup::Embedded => "embedded".to_owned(),
        Setup::Redis(1) => "1 node, Redis".to_owned(),
        Setup::Redis(nodes) => format!("{nodes} nodes, Redis"),
        Setup::Sentinel(nodes) => format!("{nodes} nodes, Sentinel"),
        Setup::Cluster(nodes) => format!("{nodes} nodes, Cluster"),
    };
    let row = |first: &str, cell: &dyn Fn(&Report) -> String| {
        let cells: Vec<_> = runs.iter().map(cell).collect();
        format!("| {first} | {} |\n", cells.join(" | "))
    };
    let mut text = row("", &name) + "|---|" + &"---:|".repeat(runs.len()) + "\n";
    for (first, cell) in LINES {
        text += &row(first, &cell);
    }
    let mut events: Vec<Event> = runs.iter().flat_map(|run| run.events.keys().copied()).collect();
    events.sort_unstable();
    events.dedup();
    for event in events {
        text += &row(event.name(), &|run| run.events.get(&event).map_or(String::new(), u32::to_string));
    }
    text
}

fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
