//! Which of a Cluster's slots a key is in.

/// How many there are.
pub const COUNT: u16 = 16_384;

/// The slot of a key: by the part in the first braces, where there is one that is not empty.
pub fn of_key(key: &[u8]) -> u16 {
    crc16(tag(key).unwrap_or(key)) % COUNT
}

fn tag(key: &[u8]) -> Option<&[u8]> {
    let after = &key[key.iter().position(|byte| *byte == b'{')? + 1..];
    let tag = &after[..after.iter().position(|byte| *byte == b'}')?];
    (!tag.is_empty()).then_some(tag)
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    let shifted = |crc: u16| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| shifted(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_crc_of_the_key_or_of_its_tag() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(of_key(b"foo"), 12_182);
        assert_eq!(of_key(b"a{foo}b{bar}"), 12_182);
        for whole in [&b"{}foo"[..], b"{foo", b"foo}", b"}{foo", b""] {
            assert_eq!(of_key(whole), crc16(whole) % COUNT);
        }
    }
}
