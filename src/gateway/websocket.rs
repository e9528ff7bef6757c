//! As much of WebSocket (RFC 6455) as tells whether a gateway lets one through: the key, and short
//! frames of text.

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::request::Request;

/// A key like any other.
pub const KEY: &str = "a2V5d2FyZCBnYXRld2F5IQ==";
/// What the answer to a handshake is made with.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The last frame of a message, of text.
const TEXT: u8 = 0x81;
/// How many bytes stand before a payload's length in 16 bits, that length included.
pub const LONG_HEAD: usize = 4;
const LENGTH_IN_16_BITS: u8 = 126;
const MASKED: u8 = 0x80;

/// Asks to open one.
pub fn handshake(request: Request, key: &str) -> Request {
    let request = request.line("Connection: Upgrade").line("Upgrade: websocket");
    request.line("Sec-WebSocket-Version: 13").line(format!("Sec-WebSocket-Key: {key}"))
}

/// The value of `Sec-WebSocket-Accept` for a key.
pub fn accept(key: &str) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{MAGIC}").as_bytes()))
}

/// A frame as a client sends it.
pub fn from_client(text: &str, mask: [u8; 4]) -> io::Result<Vec<u8>> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < LENGTH_IN_16_BITS);
    let length = length.ok_or_else(|| io::Error::other("too long for a short frame"))?;
    let masked = text.bytes().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    Ok([TEXT, MASKED | length].into_iter().chain(mask).chain(masked).collect())
}

/// A frame as a server sends it, its length always in 16 bits.
pub fn from_server(text: &str) -> io::Result<Vec<u8>> {
    let [high, low] = u16::try_from(text.len()).map_err(io::Error::other)?.to_be_bytes();
    Ok([TEXT, LENGTH_IN_16_BITS, high, low].into_iter().chain(text.bytes()).collect())
}

/// How long the rest of a client's frame is, the mask included, by its first two bytes; `None` for
/// what is no short frame of text.
pub fn rest_of_client_frame(head: [u8; 2]) -> Option<usize> {
    let length = head[1] & !MASKED;
    (head[0] == TEXT && head[1] & MASKED != 0 && length < LENGTH_IN_16_BITS).then(|| 4 + usize::from(length))
}

/// The payload of that rest.
pub fn unmasked(rest: &[u8]) -> Vec<u8> {
    let (mask, payload) = rest.split_at(rest.len().min(4));
    payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

/// How long the payload is that a server's frame begins with.
pub fn server_payload(head: &[u8]) -> Option<usize> {
    match *head {
        [TEXT, LENGTH_IN_16_BITS, high, low] => Some(usize::from(u16::from_be_bytes([high, low]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_accepted_as_the_rfc_does() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_one_side_sends_the_other_reads() {
        let frame = from_client("hello", [1, 2, 3, 4]).expect("short");
        assert_eq!(rest_of_client_frame([frame[0], frame[1]]), Some(frame.len() - 2));
        assert_eq!(unmasked(&frame[2..]), b"hello");
        let frame = from_server("hello").expect("short");
        assert_eq!(server_payload(&frame[..LONG_HEAD]), Some(5));
        assert_eq!(rest_of_client_frame([frame[0], frame[1]]), None);
    }
}
