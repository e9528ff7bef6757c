//! Password hashes that were made elsewhere and brought along: read from their text, held to bounds, compared with.
//! A hash whose cost is out of bounds is refused where it is read, so that no stored text makes a sign-in cost more
//! than about a second of one core, or more than 128 MiB. No error repeats any of a hash but its costs.

mod argon_family;
mod modular;
mod pbkdf;
mod scrypt_family;
mod text;

pub(super) use self::argon_family::within_bounds;
use self::{
    argon_family::ForeignArgon,
    modular::{BcryptHash, ShaCryptHash},
    pbkdf::PbkdfHash,
    scrypt_family::{FirebaseHash, ScryptHash},
};
use super::bad_hash::BadHash;

/// The longest text of a hash: Firebase's with its project's key is the longest that is taken.
const TEXT_MAX_BYTES: usize = 512;

/// A hash of another kind than ours.
pub(super) enum ForeignHash<'a> {
    Argon(Box<ForeignArgon<'a>>),
    Bcrypt(BcryptHash),
    Firebase(FirebaseHash),
    Pbkdf(PbkdfHash),
    Scrypt(ScryptHash),
    ShaCrypt(ShaCryptHash<'a>),
}

impl<'a> ForeignHash<'a> {
    /// Reads a hash.
    ///
    /// # Errors
    /// When it is of no kind that is known here, not whole, or its cost is out of bounds.
    pub(super) fn parse(text: &'a str) -> Result<Self, BadHash> {
        if text.len() > TEXT_MAX_BYTES {
            return Err(BadHash::because("it is longer than any hash"));
        }
        let name = text.strip_prefix('$').unwrap_or(text).split('$').next().unwrap_or_default();
        match name {
            "argon2id" | "argon2i" | "argon2d" => Ok(Self::Argon(Box::new(ForeignArgon::parse(text)?))),
            "2a" | "2b" | "2y" => BcryptHash::parse(text).map(Self::Bcrypt),
            "5" | "6" => ShaCryptHash::parse(text).map(Self::ShaCrypt),
            "scrypt" => ScryptHash::parse(text).map(Self::Scrypt),
            "fbscrypt" => FirebaseHash::parse(text).map(Self::Firebase),
            name if name.starts_with("pbkdf2") => PbkdfHash::parse(name, text).map(Self::Pbkdf),
            _ => Err(BadHash::because("it is of no kind that is known here")),
        }
    }

    /// Whether it is the hash of that password, compared in constant time.
    pub(super) fn is_of(&self, password: &[u8]) -> Result<bool, BadHash> {
        match self {
            Self::Argon(hash) => hash.is_of(password),
            Self::Bcrypt(hash) => Ok(hash.is_of(password)),
            Self::Firebase(hash) => hash.is_of(password),
            Self::Pbkdf(hash) => Ok(hash.is_of(password)),
            Self::Scrypt(hash) => hash.is_of(password),
            Self::ShaCrypt(hash) => Ok(hash.is_of(password)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is stored, it is taken or refused.
        #[test]
        fn no_text_is_too_odd_to_be_refused(
            name in "(argon2id?|2[aby]|[56]|scrypt|fbscrypt|pbkdf2(-sha256)?)",
            rest in "[$,=a-z0-9./+é-]{0,80}",
        ) {
            let _ = ForeignHash::parse(&format!("${name}${rest}"));
        }
    }

    fn refused(text: &str) -> String {
        ForeignHash::parse(text).err().unwrap_or_else(|| panic!("{text} is taken")).to_string()
    }

    fn is_of(password: &str, text: &str) -> bool {
        let hash = ForeignHash::parse(text).unwrap_or_else(|bad| panic!("{text}: {bad}"));
        hash.is_of(password.as_bytes()).expect("computes")
    }

    /// By other programs than ours; the suite has more of them made while it runs.
    #[test]
    fn hashes_of_other_programs_are_those_of_their_passwords_alone() {
        for (password, text) in [
            // Ulrich Drepper's specification of SHA-crypt.
            (
                "Hello world!",
                "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            ),
            ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
            ("Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"),
            // jBCrypt's tests.
            ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
            ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
            // RFC 7914 section 12: N = 1024, r = 8, p = 16; and PBKDF2 in section 11.
            (
                "password",
                "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA",
            ),
            ("passwd", "$pbkdf2-sha256$i=1$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLw"),
            // The README of Firebase's scrypt.
            (
                "user1password",
                "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
            ),
        ] {
            assert!(is_of(password, text), "{text}");
            assert!(!is_of("another", text), "{text}");
        }
    }

    #[test]
    fn what_costs_too_much_is_refused_and_not_computed() {
        for text in [
            "$2b$15$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$2b$31$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=10,r=8,p=1024$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=1,r=1073741824,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$pbkdf2-sha256$i=1073741824$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$6$rounds=999999999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            "$argon2i$v=19$m=1073741824,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2d$v=19$m=64,t=1073741824,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            let said = refused(text);
            assert!(said.contains("cost"), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_not_whole_is_refused_and_not_repeated() {
        for text in [
            "$2b$10$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMU",
            "$2b$1$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$2b$10$",
            "$2x$10$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$scrypt$ln=14,r=8,p=1$R9hcIPz0gi$AAAA",
            "$scrypt$ln=14,r=8,p=1$$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=14,r=8$R9hcIPz0gi$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$scrypt$ln=+14,r=8,p=1$R9hcIPz0gi$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$pbkdf2-sha256$i=0$R9hcIPz0gi$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$pbkdf2-md5$i=1000$R9hcIPz0gi$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$pbkdf2-sha256$i=1000$R9hcIPz0gi",
            "$6$R9hcIPz0gi$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO",
            "$6$rounds=5000$R9hcIPz0gi",
            "$6$",
            "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=AAAA$R9hcIPz0gg==$AAAA",
            "$argon2id$v=19$m=1,t=1,p=1$$",
            "$1$R9hcIPz0gi$qK6tZQ1Xh5Y7",
            "swordfish",
            "",
            &"$".repeat(600),
        ] {
            let said = refused(text);
            assert!(!said.contains("R9h") && !said.contains("swordfish"), "{text}: {said}");
        }
    }
}
