//! What the echo app tells of a request that reached it.

use std::fmt::Write;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// The header by which its answers are known.
pub const MARK: &str = "x-keyward-echo";

/// A request as the app got it.
#[derive(Debug, Serialize, Deserialize)]
pub struct EchoReport {
    pub method: String,
    /// The path and the query, as they stood in the request.
    pub target: String,
    /// `HTTP/1.1`, for instance.
    pub version: String,
    /// Every header line, in order, names in small letters.
    pub headers: Vec<(String, String)>,
    /// How long the body was.
    pub bytes: u64,
    /// The SHA-256 of the body, in hexadecimal digits.
    pub sha256: String,
    /// The last values of `?probe=` that reached the app, with any request.
    pub probes: Vec<String>,
}

/// Counts and hashes a body as it comes.
pub struct Sum {
    bytes: u64,
    digest: Context,
}

impl Sum {
    pub fn new() -> Self {
        Self { bytes: 0, digest: Context::new(&SHA256) }
    }

    /// Of all of it.
    pub fn of(body: &[u8]) -> (u64, String) {
        let mut sum = Self::new();
        sum.add(body);
        sum.finish()
    }

    pub fn add(&mut self, part: &[u8]) {
        self.bytes += part.len() as u64;
        self.digest.update(part);
    }

    /// The length, and the digest.
    pub fn finish(self) -> (u64, String) {
        let digits = self.digest.finish().as_ref().iter().fold(String::new(), |mut digits, byte| {
            // Writing to a String never fails.
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        (self.bytes, digits)
    }
}
