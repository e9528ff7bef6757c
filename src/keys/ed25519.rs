//! Points of Ed25519 that are no key, and that the verifier takes for one: by such a key everybody can sign, or it is
//! another's second form (RFC 8032 section 5.1.3).

/// Points of small order but those of [`is_near_p`], without the sign bit: by such a key everybody can sign.
const SMALL_ORDER: [[u8; 32]; 4] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    *b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
    *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
];

/// Whether it is no point that a key may be.
#[must_use]
pub fn is_weak(key: &[u8; 32]) -> bool {
    let mut point = *key;
    point[31] &= 0x7f;
    SMALL_ORDER.contains(&point) || is_near_p(&point)
}

/// From p - 1, which is of order two, upwards: what is p or more is another's second form.
fn is_near_p(point: &[u8; 32]) -> bool {
    point[0] >= 0xec && point[1..31].iter().all(|byte| *byte == 0xff) && point[31] == 0x7f
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

    use super::*;

    /// The identity, which as a key takes `R = s * B` of any `s` for a signature of anything.
    const IDENTITY: [u8; 32] = SMALL_ORDER[1];

    #[test]
    fn a_point_by_which_everybody_can_sign_is_weak() {
        let forged = [IDENTITY, [0; 32]].concat();
        let verified = UnparsedPublicKey::new(&ED25519, IDENTITY).verify(b"anything", &forged);
        assert!(verified.is_ok(), "it is refused here, or nowhere");
        let near_p = |low: u8| {
            let mut point = [0xff; 32];
            (point[0], point[31]) = (low, 0x7f);
            point
        };
        for point in SMALL_ORDER.into_iter().chain((0xec..=0xff).map(near_p)) {
            for sign in [0, 0x80] {
                let mut key = point;
                key[31] |= sign;
                assert!(is_weak(&key), "{key:02x?}");
            }
        }
        assert!(!is_weak(&near_p(0xeb)));
        for _ in 0..64 {
            let pair = Ed25519KeyPair::generate().expect("a key");
            assert!(!is_weak(pair.public_key().as_ref().try_into().expect("32 bytes")));
        }
    }
}
