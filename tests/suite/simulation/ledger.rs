//! The ledger that judges a simulation finds what it should, and nothing else.

use std::time::Duration;

use crate::support::simulation::{
    facts::{By, Checked, Refreshed, Rules, Said, Shown, Span, SteppedUp, Wrong},
    ledger::Ledger,
};

const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A request to a node, answered 5 ms later.
const fn sent(millis: u64, node: usize) -> Span {
    Span { sent: at(millis), answered: at(millis + 5), node }
}

/// What a token says that was proved then.
fn said(auth_time: i64, acr: &str, key: Option<&str>) -> Said {
    let amr = if acr == "2" { vec!["swk".to_owned(), "mfa".to_owned()] } else { vec!["pwd".to_owned()] };
    Said { auth_time, amr, acr: acr.to_owned(), key: key.map(str::to_owned) }
}

/// What names the proof of a step-up.
const ONCE: u64 = 7;

/// A session that begins at 0, and what is found in what follows.
struct Case(Ledger);

impl Case {
    fn new() -> Self {
        Self::saying(&said(0, "1", None))
    }

    fn bound() -> Self {
        Self::saying(&said(0, "1", Some("key")))
    }

    fn saying(said: &Said) -> Self {
        let ledger = Ledger::new(Rules {
            grace: at(1000),
            slack: at(0),
            pushed: at(100),
            cut_off: at(3000),
            aftermath: at(200),
            unconfirmed: at(500),
        });
        ledger.signed_in("s", at(0), said);
        Self(ledger)
    }

    fn granted(&self, by: By, presented: u32, generation: u32, millis: u64) -> &Self {
        self.says(by, presented, generation, said(0, "1", None), millis)
    }

    fn says(&self, by: By, generation: u32, next: u32, said: Said, millis: u64) -> &Self {
        let shown = Shown { by, generation, proof: said.key.as_ref().map(|_| millis) };
        let answer = Refreshed::Granted(next, format!("token {next}"), said);
        self.0.refreshed("s", shown, sent(millis, 0), &answer);
        self
    }

    /// A refresh of a bound session, by that proof.
    fn proved(&self, by: By, proof: Option<u64>, answer: &Refreshed) -> &Self {
        self.0.refreshed("s", Shown { by, generation: 0, proof }, sent(10, 0), answer);
        self
    }

    /// A step-up that was answered 5 ms later.
    fn stepped_up(&self, answer: &SteppedUp, millis: u64) -> &Self {
        self.0.steps_up("s");
        self.0.stepped_up("s", ONCE, sent(millis, 0), answer);
        self
    }

    fn refused(&self, presented: u32, code: &str, reason: Option<&str>, millis: u64) -> &Self {
        let answer = Refreshed::Refused(code.to_owned(), reason.map(str::to_owned));
        let shown = Shown { by: By::Owner, generation: presented, proof: None };
        self.0.refreshed("s", shown, sent(millis, 0), &answer);
        self
    }

    fn let_in(&self, generation: u32, millis: u64, node: usize) -> &Self {
        self.0.checked("s", generation, sent(millis, node), &Checked::LetIn);
        self
    }

    fn kept_out(&self, code: &str, millis: u64) -> &Self {
        self.0.checked("s", 0, sent(millis, 0), &Checked::Refused(code.to_owned()));
        self
    }

    fn signed_out(&self, millis: u64) -> &Self {
        self.0.owner_leaves("s", at(millis));
        self.0.signed_out("s", sent(millis, 0));
        self
    }

    fn stolen(&self, millis: u64) -> &Self {
        self.0.thief_comes("s", at(millis));
        self
    }

    #[track_caller]
    fn finds(&self, wrong: &[Wrong]) {
        let found: Vec<_> = self.0.tally().findings.iter().map(|finding| finding.wrong).collect();
        assert_eq!(found, wrong, "{:?}", self.0.tally().findings);
    }
}

#[test]
fn the_ledger_finds_an_honest_user_who_is_signed_out() {
    for (code, reason) in [("refresh_reused", None), ("session_ended", Some("reuse_detected"))] {
        Case::new().granted(By::Owner, 0, 1, 10).refused(1, code, reason, 20).finds(&[Wrong::HonestOut]);
    }
    Case::new().refused(0, "session_ended", Some("logout"), 10).finds(&[Wrong::HonestOut]);
    Case::new().kept_out("token_revoked", 10).finds(&[Wrong::HonestOut]);
    // A theft is no reason for another end.
    Case::new().stolen(5).refused(0, "session_ended", Some("logout"), 10).finds(&[Wrong::HonestOut]);
    // Not those for whom there is a reason.
    Case::new().kept_out("token_expired", 10).finds(&[]);
    Case::new().stolen(5).refused(0, "refresh_reused", None, 10).finds(&[]);
    Case::new()
        .signed_out(5)
        .refused(0, "session_ended", Some("logout"), 20)
        .kept_out("token_revoked", 30)
        .finds(&[]);
}

#[test]
fn the_ledger_finds_a_theft_that_is_missed() {
    // The owner has moved on to generation 1 at 20, so 0 is replaced by 25.
    let moved_on = || {
        let case = Case::new();
        case.granted(By::Owner, 0, 1, 10).let_in(1, 20, 0).stolen(500);
        case
    };
    moved_on().granted(By::Thief, 0, 1, 1_025).finds(&[Wrong::TheftMissed]);
    moved_on().granted(By::Thief, 0, 1, 1_024).finds(&[]);
    // The thief has, and the owner comes later.
    let case = Case::new();
    case.stolen(5).granted(By::Thief, 0, 1, 10).granted(By::Thief, 1, 2, 20);
    case.granted(By::Owner, 0, 2, 2_000).finds(&[Wrong::TheftMissed]);
    // It was found, and goes on all the same.
    moved_on()
        .refused(0, "refresh_reused", None, 2_000)
        .granted(By::Thief, 1, 2, 2_010)
        .finds(&[Wrong::TheftMissed]);
    // A lost answer replaces nothing.
    Case::new().granted(By::Owner, 0, 1, 10).granted(By::Owner, 0, 1, 100_000).finds(&[]);
}

#[test]
fn the_ledger_finds_who_is_let_in_late() {
    // 204 comes at 15.
    Case::new().signed_out(10).let_in(0, 16, 0).finds(&[Wrong::LetInLate]);
    Case::new().signed_out(10).let_in(0, 116, 1).finds(&[Wrong::LetInLate]);
    Case::new().signed_out(10).let_in(0, 115, 1).let_in(0, 14, 0).finds(&[]);
    // A node that is cut off has longer, but not for ever; and the other one's trouble is no excuse.
    for (node, millis, found) in
        [(1, 3_015, &[][..]), (1, 3_016, &[Wrong::LetInLate]), (0, 200, &[Wrong::LetInLate])]
    {
        let case = Case::new();
        case.0.trouble(Some(node), at(5));
        case.signed_out(10).let_in(0, millis, 1).finds(found);
    }
}

#[test]
fn the_ledger_finds_what_was_acknowledged_and_is_lost() {
    Case::new().refused(0, "refresh_expired", None, 10).finds(&[Wrong::SignInLost]);
    Case::new().stolen(5).refused(0, "refresh_invalid", None, 10).finds(&[Wrong::SignInLost]);
    Case::new().signed_out(10).granted(By::Owner, 0, 1, 20).finds(&[Wrong::SignOutLost]);
    let case = Case::new();
    case.granted(By::Owner, 0, 1, 10).granted(By::Owner, 1, 2, 20).granted(By::Owner, 0, 1, 30);
    case.finds(&[Wrong::RefreshLost]);
}

#[test]
fn the_ledger_holds_nothing_against_a_node_that_could_not_store_what_it_saw() {
    let case = Case::new();
    case.0.trouble(Some(0), at(15));
    case.granted(By::Owner, 0, 1, 10).let_in(1, 20, 0).stolen(500).granted(By::Thief, 0, 1, 1_400).finds(&[]);
    case.0.well(at(1_500));
    case.let_in(1, 2_100, 0).granted(By::Thief, 0, 1, 3_200).finds(&[Wrong::TheftMissed]);
}

#[test]
fn the_ledger_finds_a_bound_session_that_is_refreshed_without_its_key_or_ended_by_it() {
    let granted = |token: &str, key| Refreshed::Granted(1, token.to_owned(), said(0, "1", key));
    let refused = Refreshed::Refused("refresh_invalid".to_owned(), Some("proof".to_owned()));
    let (good, key) = (granted("token", Some("key")), Some("key"));
    Case::bound().proved(By::Owner, Some(1), &good).proved(By::Owner, Some(2), &good).finds(&[]);
    Case::bound()
        .proved(By::Owner, Some(1), &good)
        .proved(By::Owner, Some(1), &good)
        .finds(&[Wrong::Unproved]);
    Case::bound().proved(By::Owner, None, &good).finds(&[Wrong::Unproved]);
    Case::bound().proved(By::Thief, Some(1), &good).finds(&[Wrong::Unproved]);
    for other in [None, Some("other")] {
        Case::bound().proved(By::Owner, Some(1), &granted("token", other)).finds(&[Wrong::Unproved]);
    }
    let forked = granted("another", key);
    Case::bound()
        .proved(By::Owner, Some(1), &good)
        .proved(By::Owner, Some(2), &forked)
        .finds(&[Wrong::Forked]);

    Case::bound().stolen(5).proved(By::Thief, Some(1), &refused).proved(By::Thief, None, &refused).finds(&[]);
    // A thief without the key is no reason for anything.
    Case::bound().stolen(5).refused(0, "refresh_reused", None, 10).finds(&[Wrong::HonestOut]);
    Case::bound().stolen(5).kept_out("token_revoked", 10).finds(&[Wrong::HonestOut]);
    Case::bound().proved(By::Owner, Some(1), &refused).finds(&[Wrong::HonestOut]);
    let case = Case::bound();
    case.0.comes_twice(1);
    case.proved(By::Owner, Some(1), &refused).finds(&[]);
    // Of a session that is bound to nothing no proof is asked.
    Case::new().proved(By::Owner, None, &refused).finds(&[Wrong::SignInLost]);
}

#[test]
fn the_ledger_finds_a_step_up_that_is_lost() {
    let (first, strong, weak) = (said(0, "1", None), said(1, "2", None), said(2, "1", None));
    let done = |said: &Said| SteppedUp::Done(said.clone());
    let stepped_up = || {
        let case = Case::new();
        case.stepped_up(&done(&strong), 10);
        case
    };
    stepped_up().says(By::Owner, 0, 1, strong.clone(), 20).finds(&[]);
    stepped_up().says(By::Owner, 0, 1, first.clone(), 16).finds(&[Wrong::StepUpLost]);
    // It was sent before that was answered.
    stepped_up().says(By::Owner, 0, 1, first.clone(), 15).finds(&[]);
    stepped_up().stepped_up(&done(&weak), 20).finds(&[Wrong::StepUpLost]);
    // Of one factor, and of the sign-in again.
    let again = || {
        let case = Case::new();
        case.stepped_up(&done(&weak), 10);
        case
    };
    again().says(By::Owner, 0, 1, first.clone(), 20).finds(&[Wrong::StepUpLost]);
    // Nobody knows what became of another.
    again().stepped_up(&SteppedUp::Unknown, 20).says(By::Owner, 0, 1, first.clone(), 30).finds(&[]);
    again().stepped_up(&SteppedUp::WrongProof, 20).finds(&[Wrong::HonestOut]);
    let refused = SteppedUp::Refused("token_expired".to_owned());
    again().stepped_up(&refused, 20).says(By::Owner, 0, 1, first, 30).finds(&[Wrong::StepUpLost]);
    Case::new().signed_out(10).stepped_up(&done(&strong), 20).finds(&[Wrong::SignOutLost]);
}
