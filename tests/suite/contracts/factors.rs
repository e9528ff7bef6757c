//! Second factors: what counts, what is waited for, and codes that are spent once.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use keyward::{
    domain::{
        app::AppName,
        factor::{Factor, FactorKind, SealedSecret},
        ids::{FactorId, UserId},
        mail::{Mail, MailKind, Recipient},
        recovery_code::{RecoveryCode, RecoveryHash},
        user::Email,
    },
    store::{
        accounts::Guarded,
        factors::{Added, FactorStore},
    },
};
use rstest_reuse::apply;

use crate::support::{
    accounts::account,
    backends::{AccountBackEnd, AccountsOn, START, account_back_ends},
};

async fn user(back_end: &AccountBackEnd, name: &str) -> UserId {
    let account = account(name);
    back_end.accounts.create(&account).await.expect("made");
    account.user.id
}

fn totp() -> Factor {
    Factor {
        id: FactorId::random(),
        kind: FactorKind::Totp,
        sealed: SealedSecret::new("c2VhbGVk".to_owned()),
        created_at: START,
        confirmed_at: None,
    }
}

fn hashes() -> Vec<RecoveryHash> {
    RecoveryCode::set().iter().map(RecoveryCode::hash).collect()
}

async fn has(factors: &Arc<dyn FactorStore>, user: UserId) -> (Vec<Factor>, usize) {
    let own = factors.of_user(user).await.expect("an answer");
    (own.factors, own.recovery_codes.len())
}

/// A user with a factor that counts, and codes.
async fn set_up(back_end: &AccountBackEnd, name: &str) -> (UserId, Factor, Vec<RecoveryHash>) {
    let (user, factor, codes) = (user(back_end, name).await, totp(), hashes());
    assert!(back_end.factors.begin(user, &factor).await.expect("an answer"));
    assert!(back_end.factors.confirm(user, factor.id, &codes, START, None).await.expect("an answer"));
    (user, Factor { confirmed_at: Some(START), ..factor }, codes)
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_factor_is_read_back_as_it_was_begun_and_counts_once_confirmed(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, factor, codes) = (user(&back_end, "alice").await, totp(), hashes());
    assert_eq!(has(&back_end.factors, alice).await, (Vec::new(), 0));
    assert!(back_end.factors.begin(alice, &factor).await.unwrap());
    assert_eq!(has(&back_end.factors, alice).await, (vec![factor.clone()], 0));
    let later = START + Duration::from_secs(7);
    assert!(back_end.factors.confirm(alice, factor.id, &codes, later, None).await.unwrap());
    let confirmed = Factor { confirmed_at: Some(later), ..factor.clone() };
    assert_eq!(has(&back_end.factors, alice).await, (vec![confirmed], codes.len()));
    let own = back_end.factors.of_user(alice).await.unwrap();
    assert!(codes.iter().all(|code| own.recovery_codes.contains(code)));
    // Again, as after an answer that was lost.
    assert!(!back_end.factors.confirm(alice, factor.id, &hashes(), later, None).await.unwrap());
    assert_eq!(back_end.factors.of_user(alice).await.unwrap(), own, "nothing is changed by it");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn what_was_begun_anew_takes_the_place_of_what_was_never_confirmed(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, first, second) = (user(&back_end, "alice").await, totp(), totp());
    for factor in [&first, &second] {
        assert!(back_end.factors.begin(alice, factor).await.unwrap());
    }
    assert_eq!(has(&back_end.factors, alice).await.0, vec![second.clone()]);
    assert!(!back_end.factors.confirm(alice, first.id, &hashes(), START, None).await.unwrap());
    assert!(back_end.factors.confirm(alice, second.id, &hashes(), START, None).await.unwrap());
    // One counts: another can be begun, and not confirmed.
    let third = totp();
    assert!(back_end.factors.begin(alice, &third).await.unwrap());
    assert!(!back_end.factors.confirm(alice, third.id, &hashes(), START, None).await.unwrap());
    assert!(!back_end.factors.remove(alice, third.id, None).await.unwrap(), "it never counted");
    assert!(back_end.factors.remove(alice, second.id, None).await.unwrap());
    assert!(back_end.factors.confirm(alice, third.id, &hashes(), START, None).await.unwrap());
}

#[apply(account_back_ends)]
#[tokio::test]
async fn each_change_is_told_of_from_the_same_step_on_and_nothing_else_is(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, factor, factors) = (user(&back_end, "alice").await, totp(), &back_end.factors);
    let address = Email::parse("alice@example.com").expect("an address");
    let to = Recipient::At { user: alice, address, version: 0 };
    let notice = || Mail::new(MailKind::FactorsChanged, to.clone(), AppName::default_app(), START);
    let told = async || back_end.outbox.due(START, 99).await.expect("an answer").len();
    assert!(factors.begin(alice, &factor).await.unwrap());
    for (is_done, told_of) in [(true, 1), (false, 1)] {
        let done = factors.confirm(alice, factor.id, &hashes(), START, Some(&notice())).await.unwrap();
        assert_eq!((done, told().await), (is_done, told_of));
    }
    assert!(factors.renew_codes(alice, &hashes(), Some(&notice())).await.unwrap());
    assert_eq!(told().await, 2);
    for (is_done, told_of) in [(true, 3), (false, 3)] {
        let done = factors.remove(alice, factor.id, Some(&notice())).await.unwrap();
        assert_eq!((done, told().await), (is_done, told_of));
    }
    assert!(!factors.renew_codes(alice, &hashes(), Some(&notice())).await.unwrap());
    assert_eq!(told().await, 3);
    let other = totp();
    assert!(factors.begin(alice, &other).await.unwrap());
    assert!(factors.confirm(alice, other.id, &hashes(), START, None).await.unwrap());
    for (count, told_of) in [(1, 4), (0, 4)] {
        let removed = factors.remove_all(alice, Some(&notice())).await.unwrap();
        assert_eq!((removed, told().await), (count, told_of));
    }
    let mails = back_end.outbox.due(START, 99).await.expect("an answer");
    assert!(mails.iter().all(|mail| (&mail.recipient, mail.kind) == (&to, MailKind::FactorsChanged)));
}

#[apply(account_back_ends)]
#[tokio::test]
async fn nobody_confirms_or_removes_what_is_anothers(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, own, _) = set_up(&back_end, "alice").await;
    let (bob, begun) = (user(&back_end, "bob").await, totp());
    assert!(back_end.factors.begin(bob, &begun).await.unwrap());
    assert!(!back_end.factors.confirm(alice, begun.id, &hashes(), START, None).await.unwrap());
    assert!(!back_end.factors.remove(bob, own.id, None).await.unwrap());
    assert!(
        !back_end.factors.renew_codes(bob, &hashes(), None).await.unwrap(),
        "codes stand in for a factor"
    );
    assert_eq!(has(&back_end.factors, bob).await, (vec![begun], 0));
    assert!(!back_end.factors.begin(UserId::new(START), &totp()).await.unwrap(), "there is no such user");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn the_codes_go_with_the_last_factor_and_all_with_the_account(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, factor, _) = set_up(&back_end, "alice").await;
    assert!(back_end.factors.remove(alice, factor.id, None).await.unwrap());
    assert!(!back_end.factors.remove(alice, factor.id, None).await.unwrap(), "once");
    assert_eq!(has(&back_end.factors, alice).await, (Vec::new(), 0));

    let (bob, _, _) = set_up(&back_end, "bob").await;
    assert_eq!(back_end.factors.remove_all(bob, None).await.unwrap(), 1);
    assert_eq!(back_end.factors.remove_all(bob, None).await.unwrap(), 0);
    assert_eq!(has(&back_end.factors, bob).await, (Vec::new(), 0));

    let (carol, _, codes) = set_up(&back_end, "carol").await;
    let (dave, _, _) = set_up(&back_end, "dave").await;
    assert_eq!(back_end.accounts.delete(carol).await.unwrap(), Guarded::Done);
    assert_eq!(has(&back_end.factors, carol).await, (Vec::new(), 0));
    assert!(!back_end.factors.take_code(carol, &codes[0]).await.unwrap());
    assert_eq!(has(&back_end.factors, dave).await.1, 10, "others keep theirs");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn of_many_who_spend_one_code_at_once_on_two_nodes_one_does(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, _, codes) = set_up(&back_end, "alice").await;
    let (bob, _, _) = set_up(&back_end, "bob").await;
    assert!(!back_end.factors.take_code(bob, &codes[0]).await.unwrap(), "it is alice's");
    let nodes = [back_end.factors.clone(), back_end.factors_of_another_node().await];
    for code in &codes[..4] {
        let takes = (0..12).map(|number: usize| {
            let node = nodes[number % 2].clone();
            async move { node.take_code(alice, code).await.expect("an answer") }
        });
        assert_eq!(join_all(takes).await.into_iter().filter(|taken| *taken).count(), 1);
    }
    assert_eq!(has(&back_end.factors, alice).await.1, 6);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn of_several_sets_of_codes_one_is_left_whichever_node_renews(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, _, old) = set_up(&back_end, "alice").await;
    let nodes = [back_end.factors.clone(), back_end.factors_of_another_node().await];
    for _ in 0..5 {
        let sets: Vec<_> = (0..4).map(|_| hashes()).collect();
        let renewals = sets.iter().enumerate().map(|(number, set)| {
            let node = nodes[number % 2].clone();
            async move { node.renew_codes(alice, set, None).await.expect("an answer") }
        });
        assert!(join_all(renewals).await.into_iter().all(|is_done| is_done));
        let left = back_end.factors.of_user(alice).await.unwrap().recovery_codes;
        assert!(sets.iter().any(|set| set.len() == left.len() && set.iter().all(|code| left.contains(code))));
    }
    assert!(!back_end.factors.take_code(alice, &old[0]).await.unwrap(), "those of before are good no more");
}

fn passkey() -> Factor {
    Factor { kind: FactorKind::Passkey, confirmed_at: Some(START), ..totp() }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_factor_that_is_added_counts_at_once_and_brings_codes_as_the_first_alone(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, codes, first, second) = (user(&back_end, "alice").await, hashes(), passkey(), passkey());
    let factors = &back_end.factors;
    // One that was never confirmed is none.
    assert!(factors.begin(alice, &totp()).await.unwrap());
    assert_eq!(factors.add(alice, &first, &codes, None).await.unwrap(), Added::First);
    assert_eq!(factors.add(alice, &second, &hashes(), None).await.unwrap(), Added::Further);
    let own = factors.of_user(alice).await.unwrap();
    assert_eq!(own.passkeys().count(), 2);
    assert!(own.passkeys().any(|kept| *kept == first) && own.passkeys().any(|kept| *kept == second));
    assert!(
        own.recovery_codes.len() == codes.len() && codes.iter().all(|code| own.recovery_codes.contains(code))
    );
    // Again, as after an answer that was lost; and what is another's.
    let bob = user(&back_end, "bob").await;
    for whose in [alice, bob, UserId::new(START)] {
        assert_eq!(factors.add(whose, &first, &hashes(), None).await.unwrap(), Added::Refused);
    }
    assert_eq!(factors.of_user(alice).await.unwrap(), own, "nothing is changed by it");
    assert_eq!(has(factors, bob).await, (Vec::new(), 0));
    assert!(factors.remove(alice, first.id, None).await.unwrap());
    assert_eq!(has(factors, alice).await.1, 10, "one is left");
    assert!(factors.remove(alice, second.id, None).await.unwrap());
    assert_eq!(has(factors, alice).await.1, 0);
    assert_eq!(factors.add(bob, &first, &hashes(), None).await.unwrap(), Added::First, "it is nobody's now");
}

#[apply(account_back_ends)]
#[tokio::test]
async fn of_many_who_add_one_factor_at_once_on_two_nodes_one_does_and_is_told_of(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let users = [user(&back_end, "alice").await, user(&back_end, "bob").await];
    let nodes = [back_end.factors.clone(), back_end.factors_of_another_node().await];
    let address = Email::parse("alice@example.com").expect("an address");
    for round in 1..=3 {
        let factor = passkey();
        let adds = (0..8).map(|number: usize| {
            let (node, user, factor) = (nodes[number % 2].clone(), users[number / 2 % 2], factor.clone());
            let to = Recipient::At { user, address: address.clone(), version: 0 };
            let notice = Mail::new(MailKind::FactorsChanged, to, AppName::default_app(), START);
            async move { node.add(user, &factor, &hashes(), Some(&notice)).await.expect("an answer") }
        });
        let added = join_all(adds).await;
        assert_eq!(added.iter().filter(|added| **added != Added::Refused).count(), 1, "{added:?}");
        assert_eq!(back_end.outbox.due(START, 99).await.expect("an answer").len(), round);
    }
}

/// A counter that two uses at once would both write.
#[apply(account_back_ends)]
#[tokio::test]
async fn of_two_who_replace_what_a_factor_holds_one_does(on: AccountsOn) {
    let back_end = AccountBackEnd::on(on).await;
    let (alice, bob) = (user(&back_end, "alice").await, user(&back_end, "bob").await);
    let (factors, factor) = (&back_end.factors, passkey());
    assert_eq!(factors.add(alice, &factor, &hashes(), None).await.unwrap(), Added::First);
    let [next, other] = ["bmV4dA", "b3RoZXI"].map(|text| SealedSecret::new(text.to_owned()));
    assert!(!factors.reseal(bob, factor.id, &factor.sealed, &next).await.unwrap(), "it is alice's");
    assert!(!factors.reseal(alice, FactorId::random(), &factor.sealed, &next).await.unwrap());
    let nodes = [factors.clone(), back_end.factors_of_another_node().await];
    let both = [&next, &other].into_iter().zip(&nodes);
    let both = both.map(|(is, node)| node.reseal(alice, factor.id, &factor.sealed, is));
    let done: Vec<bool> = join_all(both).await.into_iter().map(|done| done.expect("an answer")).collect();
    assert_eq!(done.iter().filter(|done| **done).count(), 1);
    let kept = &factors.of_user(alice).await.unwrap().factors[0];
    assert_eq!(kept.sealed, if done[0] { next } else { other });
    assert_eq!(Factor { sealed: factor.sealed.clone(), ..kept.clone() }, factor);
}
