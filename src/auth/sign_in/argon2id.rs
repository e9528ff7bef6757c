//! argon2id (RFC 9106, version 0x13) on memory that one thread keeps from one hash to the next. The only file
//! that knows which crate computes: `argon2-rust` with vector instructions, or `argon2` without the feature
//! `argon2-simd`. Both give the same hashes; `docs/decisions.md` says what the first is trusted with.

#[cfg(not(feature = "argon2-simd"))]
pub use self::portable::Memory;
#[cfg(feature = "argon2-simd")]
pub use self::simd::Memory;

/// What is hashed. The associated data is part of the parameters, as it is in a PHC string.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub password: &'a [u8],
    pub salt: &'a [u8],
    /// A pepper. Keyward's hashes have none, the vector of RFC 9106 has one.
    pub secret: &'a [u8],
}

#[cfg(feature = "argon2-simd")]
mod simd {
    use argon2::Params;
    use argon2_rust::{
        Algorithm, Argon2, Error, Hasher, Version,
        params::{self, TagLen},
    };

    use super::Input;

    /// The blocks of one hashing thread. They are zero between two hashes: the crate wipes what a hash has
    /// written before it returns. From the blocks of a finished hash one can compute back to the first, against
    /// which a password is guessed at the price of a few short hashes, and not of 19 MiB.
    pub struct Memory(Hasher);

    impl Default for Memory {
        /// Allocates nothing yet.
        fn default() -> Self {
            Self(argon2(argon2_rust::Params::default()).hasher())
        }
    }

    impl Memory {
        /// Hashes into the whole of `output`.
        pub fn hash(&mut self, params: &Params, input: &Input, output: &mut [u8]) -> Result<(), Error> {
            let same = argon2_rust::Params::builder()
                .memory(params::Memory::kib(params.m_cost().into()))
                .passes(params.t_cost())
                .lanes(params.p_cost())
                // Lanes are filled one after another: whoever holds a permit has one core.
                .threads(1)
                .tag_len(TagLen::bytes(output.len() as u64))
                .build()?;
            self.0.set_argon2(argon2(same));
            self.0.hash_into_with_ad(input.password, input.salt, input.secret, params.data(), output)
        }

        /// Gives the blocks back to the system.
        pub fn release(&mut self) {
            self.0.clear();
        }
    }

    const fn argon2(params: argon2_rust::Params) -> Argon2 {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }
}

#[cfg(any(test, not(feature = "argon2-simd")))]
mod portable {
    use argon2::{Algorithm, Argon2, Block, Error, Params, Version};
    use zeroize::Zeroize;

    use super::Input;

    /// The blocks of one hashing thread. They hold what the last hash has written until the next one, or until
    /// they are given back: to wipe them after each would take another fifth of its time here.
    #[derive(Default)]
    pub struct Memory(Vec<Block>);

    impl Memory {
        /// Hashes into the whole of `output`.
        pub fn hash(&mut self, params: &Params, input: &Input, output: &mut [u8]) -> Result<(), Error> {
            let argon2 =
                Argon2::new_with_secret(input.secret, Algorithm::Argon2id, Version::V0x13, params.clone())?;
            let count = params.block_count();
            if self.0.len() < count {
                self.0.resize(count, Block::new());
            }
            argon2.hash_password_into_with_memory(input.password, input.salt, output, &mut self.0[..count])
        }

        /// Wipes the blocks and gives them back to the system.
        pub fn release(&mut self) {
            self.0.zeroize();
            self.0 = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use argon2::{AssociatedData, Params, ParamsBuilder};

    use super::{Input, Memory, portable};

    fn params(m: u32, t: u32, p: u32, data: &[u8]) -> Params {
        let data = AssociatedData::new(data).expect("short enough");
        ParamsBuilder::new().m_cost(m).t_cost(t).p_cost(p).data(data).build().expect("valid")
    }

    #[test]
    fn the_vector_of_rfc_9106_section_5_3_comes_out() {
        let input = Input { password: &[1; 32], salt: &[2; 16], secret: &[3; 8] };
        let expected = [
            0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9,
            0xd0, 0x1e, 0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59,
        ];
        let vector = params(32, 3, 4, &[4; 12]);
        let mut output = [0; 32];
        Memory::default().hash(&vector, &input, &mut output).expect("hashes");
        assert_eq!(output, expected);
        portable::Memory::default().hash(&vector, &input, &mut output).expect("hashes");
        assert_eq!(output, expected);
    }

    /// The two crates have no code in common. Where one of them computes, this says nothing.
    #[cfg(feature = "argon2-simd")]
    mod beside_the_portable_one {
        use proptest::{collection::vec, prelude::*};

        use super::*;

        #[derive(Debug, Clone)]
        struct Case {
            /// KiB, passes, lanes.
            cost: (u32, u32, u32),
            password: Vec<u8>,
            salt: Vec<u8>,
            data: Vec<u8>,
            length: usize,
        }

        impl Case {
            fn hash<E: std::fmt::Debug>(
                &self,
                compute: impl FnOnce(&Params, &Input, &mut [u8]) -> Result<(), E>,
            ) -> Vec<u8> {
                let mut output = vec![0; self.length];
                let (m, t, p) = self.cost;
                let input = Input { password: &self.password, salt: &self.salt, secret: &[] };
                compute(&params(m, t, p, &self.data), &input, &mut output).expect("hashes");
                output
            }
        }

        /// Memory that is no multiple of the lanes too. A PHC string has a salt of 8 to 48 bytes and a hash of
        /// up to 64; 256 characters in NFKC can be longer than 1024 bytes, but seldom are.
        fn cases() -> impl Strategy<Value = Case> {
            let cost = (1u32..=4).prop_flat_map(|p| (8 * p..=8 * p + 400, 1u32..=4, Just(p)));
            let bytes = |length| vec(any::<u8>(), length);
            (cost, bytes(0..=1024), bytes(8..=48), bytes(0..=32), 4usize..=64)
                .prop_map(|(cost, password, salt, data, length)| Case { cost, password, salt, data, length })
        }

        proptest! {
            /// Several on the same memory, because what is larger or smaller than its predecessor takes other
            /// ways through it.
            #[test]
            fn every_hash_is_the_same(cases in vec(cases(), 1..=4)) {
                let (mut ours, mut oracle) = (Memory::default(), portable::Memory::default());
                for case in cases {
                    let expected = case.hash(|params, input, output| oracle.hash(params, input, output));
                    let hash = case.hash(|params, input, output| ours.hash(params, input, output));
                    prop_assert_eq!(hash, expected);
                }
            }
        }

        #[test]
        fn at_the_cost_of_new_hashes_and_with_the_longest_password_too() {
            let (mut ours, mut oracle) = (Memory::default(), portable::Memory::default());
            for (cost, length) in [((19_456, 2, 1), 33), ((65_536, 1, 4), 8), ((8, 1, 1), 256 * 33)] {
                let case = Case {
                    cost,
                    password: vec![b'x'; length],
                    salt: vec![7; 16],
                    data: Vec::new(),
                    length: 32,
                };
                let expected = case.hash(|params, input, output| oracle.hash(params, input, output));
                for _ in 0..2 {
                    assert_eq!(case.hash(|params, input, output| ours.hash(params, input, output)), expected);
                    ours.release();
                }
                oracle.release();
            }
        }
    }
}
