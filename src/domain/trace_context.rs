//! The trace that a request belongs to, as whoever sent it says (W3C Trace Context, `traceparent`).

use std::fmt;

/// A `traceparent` of version 00, or what of a later one is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    is_sampled: bool,
}

impl TraceParent {
    /// Reads one; `None` = it has not that form, and then there is no trace (section 3.2.2).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let version = lower_hex(text.get(..2)?)?;
        let fields = text.get(2..55)?;
        let is_whole = match (version, text.len()) {
            (0xff, _) => false,
            (_, 55) => true,
            // A later version may have more, behind a dash.
            (version, _) => version > 0 && text.as_bytes().get(55) == Some(&b'-'),
        };
        let dashes = [0, 33, 50].iter().all(|at| fields.as_bytes()[*at] == b'-');
        let trace = lower_hex(fields.get(1..33)?).filter(|id| *id != 0)?;
        let span = lower_hex(fields.get(34..50)?).filter(|id| *id != 0)?;
        let flags = lower_hex(fields.get(51..53)?)?;
        let span = u64::try_from(span).ok()?;
        (is_whole && dashes).then_some(Self { trace, span, is_sampled: flags & 1 == 1 })
    }

    /// The id of the trace, as 16 bytes in network order make it.
    #[must_use]
    pub const fn trace(&self) -> u128 {
        self.trace
    }

    /// The id of the span that the request is a part of.
    #[must_use]
    pub const fn span(&self) -> u64 {
        self.span
    }

    /// Whether its sender keeps the trace.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.is_sampled
    }
}

/// The id of the trace, for the log.
impl fmt::Display for TraceParent {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{:032x}", self.trace)
    }
}

fn lower_hex(text: &str) -> Option<u128> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_hex.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_parent_is_read_as_the_specification_has_it() {
        let parent = TraceParent::parse(GOOD).expect("one");
        assert_eq!(parent.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((parent.span(), parent.is_sampled()), (0x00f0_67aa_0ba9_02b7, true));
        assert!(!TraceParent::parse(&GOOD.replace("-01", "-02")).expect("one").is_sampled());
        assert_eq!(TraceParent::parse(&format!("cc{}-more", &GOOD[2..])), Some(parent), "of a later version");
    }

    #[test]
    fn what_has_another_form_is_no_parent() {
        let zero_trace = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let zero_span = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16));
        let upper = GOOD.to_uppercase();
        let (longer, later) = (format!("{GOOD}-00"), format!("cc{}x", &GOOD[2..]));
        let version = format!("ff{}", &GOOD[2..]);
        for bad in ["", "00", &GOOD[..54], &zero_trace, &zero_span, &upper, &longer, &later, &version] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
        assert_eq!(TraceParent::parse(&GOOD.replace('-', "_")), None);
        assert_eq!(TraceParent::parse(&format!("00-{}", "é".repeat(26))), None);
    }
}
