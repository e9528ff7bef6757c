//! Passwords as PHC strings: hash, verify, and tell whether a hash is out of date. A hash takes 19 MiB and 7 to
//! 20 ms of a core, so this is called by [`super::hasher`] alone. How it is computed is in [`super::argon2id`];
//! hashes that were made elsewhere are read by [`super::foreign`].

use argon2::{
    Algorithm, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt},
};

use super::{
    argon2id::{Input, Memory},
    bad_hash::BadHash,
    foreign::{ForeignHash, within_bounds},
};
use crate::domain::{
    random,
    secret::{Password, PasswordHash},
};

/// The parameters of new hashes: m = 19,456 KiB, t = 2, p = 1 (OWASP's first choice).
const TODAY: Params = Params::DEFAULT;

/// What a comparison showed.
#[derive(Debug)]
pub enum PasswordMatch {
    Wrong,
    Right,
    /// It is the password, and the hash was made with weaker parameters than today's, or elsewhere.
    Outdated,
    /// The stored hash is of no kind that is known here, so no password is the right one.
    Unusable(BadHash),
}

/// Hashes with today's parameters and a new salt.
pub fn hash(password: &Password, memory: &mut Memory) -> Result<PasswordHash, BadHash> {
    let salt = random::bytes::<16>();
    let output = compute(&TODAY, password.expose().as_bytes(), &salt, Params::DEFAULT_OUTPUT_LEN, memory)?;
    phc(&salt, output)
}

/// Compares in constant time: NFKC of what was typed, and where that is another text, what was typed. Whichever hash
/// is stored, both take their time; a hash that cannot be used takes the time of one that can, the `dummy`.
pub fn verify(
    password: &Password,
    stored: &PasswordHash,
    dummy: &PasswordHash,
    memory: &mut Memory,
) -> Result<PasswordMatch, BadHash> {
    let verdict = judge(password.expose().as_bytes(), stored, dummy, memory)?;
    match (password.expose_typed(), &verdict) {
        (Some(typed), PasswordMatch::Wrong | PasswordMatch::Unusable(_)) => {
            let of_typed = judge(typed.as_bytes(), stored, dummy, memory)?;
            Ok(if matches!(of_typed, PasswordMatch::Right) { PasswordMatch::Outdated } else { of_typed })
        }
        _ => Ok(verdict),
    }
}

/// Whether a hash from elsewhere can be compared with.
///
/// # Errors
/// When it cannot; the error says why, and repeats none of it.
pub fn accept(text: &str) -> Result<PasswordHash, BadHash> {
    let hash = PasswordHash::from_phc(text.to_owned());
    if !is_ours(&hash) {
        ForeignHash::parse(text)?;
        return Ok(hash);
    }
    let phc = Phc::new(text).map_err(|_| BadHash::because("it is not complete: was it cut?"))?;
    within_bounds(&Params::try_from(&phc).map_err(bad)?)?;
    match (phc.salt, phc.hash) {
        (Some(_), Some(output)) if output.len() >= 16 => Ok(hash),
        _ => Err(BadHash::because("it is not complete: was it cut?")),
    }
}

/// Whether it is of the kind that is made here: argon2id of version 19.
fn is_ours(hash: &PasswordHash) -> bool {
    hash.phc().starts_with("$argon2id$v=19$")
}

/// One that was made elsewhere takes its own time and then that of ours, which is what it takes to renew it where the
/// password is right: so the two outcomes take the same, and neither is faster than an unknown user.
fn judge(
    password: &[u8],
    stored: &PasswordHash,
    dummy: &PasswordHash,
    memory: &mut Memory,
) -> Result<PasswordMatch, BadHash> {
    if stored.is_unset() {
        return compare(password, dummy, memory).map(|_| PasswordMatch::Wrong);
    }
    let verdict = if is_ours(stored) {
        compare(password, stored, memory)
    } else {
        let is_of = ForeignHash::parse(stored.phc()).and_then(|foreign| foreign.is_of(password));
        match is_of {
            Ok(true) => Ok(PasswordMatch::Outdated),
            Ok(false) => compare(password, dummy, memory).map(|_| PasswordMatch::Wrong),
            Err(bad) => Err(bad),
        }
    };
    verdict.or_else(|bad| compare(password, dummy, memory).map(|_| PasswordMatch::Unusable(bad)))
}

/// A hash of other parameters is compared under its own.
fn compare(password: &[u8], stored: &PasswordHash, memory: &mut Memory) -> Result<PasswordMatch, BadHash> {
    let phc = Phc::new(stored.phc()).map_err(bad)?;
    let params = Params::try_from(&phc).map_err(bad)?;
    within_bounds(&params)?;
    let (Some(salt), Some(expected)) = (phc.salt, phc.hash) else {
        return Err(BadHash::because("it has no salt or no output"));
    };
    let outdated = params.m_cost() < TODAY.m_cost() || params.t_cost() < TODAY.t_cost();
    let output = compute(&params, password, &salt, expected.len(), memory)?;
    // `Output` compares in constant time.
    Ok(match output == expected {
        false => PasswordMatch::Wrong,
        true if outdated => PasswordMatch::Outdated,
        true => PasswordMatch::Right,
    })
}

/// A hash that no password has, at the cost of a real one: what an unknown user is compared with.
pub fn dummy() -> Result<PasswordHash, BadHash> {
    let output = Output::new(&random::bytes::<{ Params::DEFAULT_OUTPUT_LEN }>()).map_err(bad)?;
    phc(&random::bytes::<16>(), output)
}

fn compute(
    params: &Params,
    password: &[u8],
    salt: &[u8],
    length: usize,
    memory: &mut Memory,
) -> Result<Output, BadHash> {
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..length).ok_or_else(|| BadHash::because("its output is too long"))?;
    let input = Input { password, salt, secret: &[] };
    memory.hash(params, &input, output).map_err(bad)?;
    Output::new(output).map_err(bad)
}

fn phc(salt: &[u8], output: Output) -> Result<PasswordHash, BadHash> {
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&TODAY).map_err(bad)?,
        salt: Some(Salt::new(salt).map_err(bad)?),
        hash: Some(output),
    };
    Ok(PasswordHash::from_phc(phc.to_string()))
}

fn bad(error: impl std::fmt::Display) -> BadHash {
    BadHash::because(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).expect("valid")
    }

    fn judged(typed: &str, stored: &PasswordHash) -> PasswordMatch {
        let dummy = dummy().expect("makes");
        verify(&password(typed), stored, &dummy, &mut Memory::default()).expect("compares")
    }

    #[test]
    fn the_right_password_matches_and_no_other() {
        let stored = hash(&password("one"), &mut Memory::default()).expect("hashes");
        assert!(matches!(judged("one", &stored), PasswordMatch::Right));
        assert!(matches!(judged("two", &stored), PasswordMatch::Wrong));
        assert!(matches!(judged("one", &dummy().expect("makes")), PasswordMatch::Wrong));
    }

    #[test]
    fn a_hash_that_asks_for_gigabytes_is_not_computed() {
        let greedy = "$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let stored = PasswordHash::from_phc(greedy.to_owned());
        assert!(matches!(judged("one", &stored), PasswordMatch::Unusable(_)));
    }

    #[test]
    fn a_hash_of_an_unknown_kind_is_told_apart_and_says_nothing_of_itself() {
        let unknown = "$2x$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
        for stored in [unknown, "swordfish", "$argon2id$v=19$m=1,t=1,p=1$$"] {
            let PasswordMatch::Unusable(bad) = judged("one", &PasswordHash::from_phc(stored.to_owned()))
            else {
                panic!("{stored} was compared");
            };
            assert!(!bad.to_string().contains("R9h/cIPz") && !bad.to_string().contains("swordfish"), "{bad}");
        }
    }

    #[test]
    fn hashes_made_elsewhere_and_before_verify() {
        for (typed, phc) in [
            // By this server when the crate `argon2` alone computed.
            (
                "a long enough passphrase, 7 words",
                "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$d+NXk568HwlxIEt7tnlT8FhKYv+tSKZtPHFQIiaT6Ds",
            ),
            // By the reference implementation: its own tests.
            (
                "password",
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            ),
            (
                "password",
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            ),
            (
                "password",
                "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
            ),
            // With associated data, several lanes and a hash of 24 bytes.
            (
                "password",
                "$argon2id$v=19$m=64,t=3,p=2,data=aW1wb3J0ZWQ$c29tZXNhbHQ$fWjhFffwwUd15Brm1XL4zIsCrqKFEqvN",
            ),
        ] {
            let stored = PasswordHash::from_phc(phc.to_owned());
            assert!(
                matches!(judged(typed, &stored), PasswordMatch::Right | PasswordMatch::Outdated),
                "{phc}"
            );
            assert!(matches!(judged("another", &stored), PasswordMatch::Wrong), "{phc}");
        }
    }

    #[test]
    fn no_password_is_right_where_none_was_set() {
        assert!(matches!(judged("one", &PasswordHash::unset()), PasswordMatch::Wrong));
    }

    #[test]
    fn a_hash_from_elsewhere_is_of_what_was_typed_or_of_its_nfkc_and_is_out_of_date() {
        // PHP's password_hash of "ﬁsh and chips" as it is typed, and of its NFKC.
        for text in [
            "$2y$05$2TWzTsb0mc.TuJPpQbY9wOVYi.zVXJ0yb.ZIsj..LSr/7TbQNabEe",
            "$2y$05$gmuGcQid62b3xr/rm/5PzuJ4brbGmJ8Lfd3qxeTc0XIf/0d2gf/3a",
        ] {
            let stored = accept(text).expect("usable");
            assert!(matches!(judged("\u{fb01}sh and chips", &stored), PasswordMatch::Outdated), "{text}");
            assert!(matches!(judged("\u{fb01}sh or chips", &stored), PasswordMatch::Wrong), "{text}");
        }
        let stored = hash(&password("fish and chips"), &mut Memory::default()).expect("hashes");
        assert!(matches!(judged("\u{fb01}sh and chips", &stored), PasswordMatch::Right));
    }

    #[test]
    fn a_weaker_hash_is_out_of_date() {
        let memory = &mut Memory::default();
        let params = Params::new(8 * 1024, 1, 1, None).expect("valid");
        let output = compute(&params, b"one", &[7; 16], 32, memory).expect("computes");
        let weak = Phc::new(phc(&[7; 16], output).expect("makes").phc()).expect("reads");
        let weak = Phc { params: ParamsString::try_from(&params).expect("valid"), ..weak };
        let stored = PasswordHash::from_phc(weak.to_string());
        assert!(matches!(judged("one", &stored), PasswordMatch::Outdated));
    }
}
