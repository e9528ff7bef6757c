//! Who signs in, at Keyward and at the peer.

pub const USER: &str = "bench";
pub const PASSWORD: &str = "a long enough passphrase, 7 words";
/// A confidential app.
pub const APP: &str = "orders";
