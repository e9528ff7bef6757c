//! How far a session has come, small enough for millions of it. Whatever is decided is decided by the product's own
//! [`Progress`], which this is turned into and made from. Times are in halves of the grace, and now is 0.

use std::time::Duration;

use crate::support::backends::{GRACE, START};
use keyward::domain::{
    clock::Timestamp,
    rotation::{Confirm, LateReissues, Progress, REMEMBERED, Replaced},
};

/// A moment before now (or, by the timer, ahead), in halves of the grace.
pub type Moment = i8;

/// `tokens.reuse_grace`.
pub const WHOLE_GRACE: Moment = 2;
/// For how long a request may lie at a node before it is carried out.
pub const LONGEST_STALL: Moment = WHOLE_GRACE;
/// So much later that nothing is forgiven any more, whatever confirms.
pub const LATER: Moment = LONGEST_STALL + 3 * WHOLE_GRACE;

/// What is as old as this is no different when it is older: from a request that has lain for longest it is further
/// away than anything is forgiven. By the timer that is two graces.
pub fn long_ago(confirm: Confirm) -> Moment {
    let graces = if confirm == Confirm::Timer { 2 } else { 1 };
    -(LONGEST_STALL + graces * WHOLE_GRACE + 1)
}

/// What the product calls that moment.
pub fn timestamp(moment: Moment) -> Timestamp {
    let span = GRACE / 2 * u32::from(moment.unsigned_abs());
    if moment < 0 { START - span } else { START + span }
}

/// So long ago that nothing else happened since.
pub fn signed_in_at() -> Timestamp {
    timestamp(-100)
}

fn moment(timestamp: Timestamp) -> Moment {
    let halves =
        |span: Duration| Moment::try_from(span.as_millis() / (GRACE / 2).as_millis()).expect("near now");
    halves(START.until(timestamp)) - halves(START.since(timestamp))
}

/// So much time passes, and what is as old as `oldest` grows no older.
#[derive(Debug, Clone, Copy)]
pub struct Passing {
    pub by: Moment,
    pub oldest: Moment,
}

impl Passing {
    pub fn age(self, moment: &mut Moment) {
        *moment = (*moment - self.by).max(self.oldest);
    }
}

/// A session's [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Record {
    pub generation: u8,
    pub issued: Moment,
    /// The latest first, as [`Replaced`] has it.
    pub replaced: [Option<Moment>; REMEMBERED],
    pub late_generation: u8,
    pub late_run: u8,
}

impl Record {
    pub fn of(progress: &Progress) -> Self {
        let small = |number: u32| u8::try_from(number).expect("few generations");
        let mut replaced = [None; REMEMBERED];
        replaced[0] = progress.replaced.latest().map(moment);
        for (place, timestamp) in replaced[1..].iter_mut().zip(progress.replaced.earlier()) {
            *place = Some(moment(timestamp));
        }
        Self {
            generation: small(progress.generation),
            issued: moment(progress.issued_at),
            replaced,
            late_generation: small(progress.late.generation),
            late_run: small(progress.late.run),
        }
    }

    pub fn progress(&self) -> Progress {
        let earlier: Vec<Timestamp> =
            self.replaced[1..].iter().map_while(|moment| moment.map(timestamp)).collect();
        Progress {
            generation: self.generation.into(),
            issued_at: timestamp(self.issued),
            replaced: Replaced::of(self.replaced[0].map(timestamp), &earlier),
            late: LateReissues { generation: self.late_generation.into(), run: self.late_run.into() },
        }
    }

    /// Lets time pass.
    pub fn age(&mut self, passing: Passing) {
        passing.age(&mut self.issued);
        self.replaced.iter_mut().flatten().for_each(|moment| passing.age(moment));
    }

    /// Of a session that is over only the generation matters: it says which keys there are.
    pub fn forget_times(&mut self) {
        let first = Progress::first(timestamp(0));
        *self = Self { generation: self.generation, ..Self::of(&first) };
    }
}
