//! Messages on the wire: a question is decoded, and what is encoded is a verdict, so that a handler has
//! no other way to answer.

use prost::Message;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use super::{answer::answer, messages::CheckRequest};
use crate::http::check::verdict::Verdict;

/// What an answer takes, rounded up; it grows where that is too little.
const ANSWER: usize = 1024;
/// Only streams of messages are cut up by this.
const YIELD: usize = 32 * 1024;

pub struct CheckCodec;

impl Codec for CheckCodec {
    type Encode = Verdict;
    type Decode = CheckRequest;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for CheckCodec {
    type Item = Verdict;
    type Error = Status;

    fn encode(&mut self, verdict: Verdict, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        answer(verdict).encode(buffer).map_err(|_| Status::internal("no room for the answer"))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(ANSWER, YIELD)
    }
}

impl Decoder for CheckCodec {
    type Item = CheckRequest;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<CheckRequest>, Status> {
        let question = CheckRequest::decode(buffer);
        question.map(Some).map_err(|_| Status::invalid_argument("this is no CheckRequest"))
    }
}
