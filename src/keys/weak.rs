//! RSA keys nobody should sign with: a small exponent, or a modulus from the library whose primes can
//! be computed (ROCA, CVE-2017-15361). Their length is checked where they are parsed.

/// The primes whose remainders give a ROCA modulus away: all its primes are powers of 65537 modulo
/// each of these.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// What is wrong with an RSA public key of modulus `n` and exponent `e`, both big-endian.
pub(super) fn weakness(n: &[u8], e: &[u8]) -> Option<&'static str> {
    let exponent =
        e.iter().fold(0_u64, |value, byte| value.saturating_mul(256).saturating_add((*byte).into()));
    if exponent < 65_537 {
        return Some("its RSA exponent is below 65537");
    }
    PRIMES
        .iter()
        .all(|prime| is_power_of_65537(remainder(n, *prime), *prime))
        .then_some("its RSA modulus is of the kind that can be factored (ROCA)")
}

fn remainder(n: &[u8], prime: u32) -> u32 {
    n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = power * generator % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const F4: &[u8] = &[1, 0, 1];

    #[test]
    fn small_exponents_are_weak() {
        let n = [0xA5; 256];
        assert!(weakness(&n, &[3]).is_some());
        assert!(weakness(&n, &[0, 0, 1]).is_some());
        assert!(weakness(&n, &[0xFF, 0xFF]).is_some());
        assert_eq!(weakness(&n, F4), None);
    }

    #[test]
    fn a_modulus_that_is_a_power_of_65537_modulo_every_prime_is_weak() {
        // 65537 itself has the fingerprint; its successor has not.
        assert!(weakness(&[1, 0, 1], F4).is_some());
        assert_eq!(weakness(&[1, 0, 2], F4), None);
    }
}
