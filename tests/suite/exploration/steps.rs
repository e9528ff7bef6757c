//! What somebody asks of a node, how far it has come, and what may happen to it.

use std::fmt;

use super::{
    homes::{Outcome, Reply, Verb},
    kept::{Rest, Write},
    record::Moment,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    Owner,
    Thief,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// On the way to a node, for so long.
    Sent(Moment),
    /// At a node since that moment, and nothing is done yet.
    Arrived(Moment),
    /// The node has been asked to ask again ([`Call::Second`]).
    Asked { arrived: Moment, in_time: bool },
    /// The record is written, and what is around it is not.
    Writing(Rest),
    /// The answer is on its way.
    Answered(Outcome),
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    pub who: Who,
    pub verb: Verb,
    pub stage: Stage,
}

/// What may happen.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Sends(Request),
    Arrives(Request),
    /// The command on the record, and what it led to.
    IsDone(Request, Reply),
    Writes(Request, Write),
    /// Its node crashes or is cut off, or the answer is lost. What is lost before anything is done might as well
    /// not have been sent.
    IsLost(Request),
    IsAnswered(Request),
    HalfAGracePasses,
    DaysPass,
    TheLifeEnds,
    TheReplicaFollows,
    TheReplicaTakesOver,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { who, verb, stage } = self;
        write!(f, "{who:?} {verb:?} {stage:?}")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sends(request) => write!(f, "sent: {request}"),
            Self::Arrives(request) => write!(f, "arrives: {request}"),
            Self::IsDone(request, reply) => write!(f, "carried out: {request}: {reply:?}"),
            Self::Writes(request, write) => write!(f, "writes {write:?}: {request}"),
            Self::IsLost(request) => write!(f, "lost: {request}"),
            Self::IsAnswered(request) => write!(f, "answered: {request}"),
            passing => write!(f, "{passing:?}"),
        }
    }
}
