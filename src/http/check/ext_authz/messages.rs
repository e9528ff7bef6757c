//! The messages of Envoy's external authorisation API, version 3, cut down to what the check reads and
//! writes: the rest of a question, such as the client's certificate, is skipped and never copied. Text
//! is bytes here, which is the same on the wire and refers to the message that came.

use prost::{Message, Oneof, bytes::Bytes};

#[derive(Clone, PartialEq, Message)]
pub struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    pub attributes: Option<Attributes>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Attributes {
    #[prost(message, optional, tag = "4")]
    pub request: Option<ClientRequest>,
    /// A map: what the gateway's own settings say of the route.
    #[prost(message, repeated, tag = "10")]
    pub context_extensions: Vec<EnvoyHeader>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ClientRequest {
    #[prost(message, optional, tag = "2")]
    pub http: Option<HttpRequest>,
}

#[derive(Clone, PartialEq, Message)]
pub struct HttpRequest {
    #[prost(bytes = "bytes", tag = "2")]
    pub method: Bytes,
    /// A map: lines of one name have been joined.
    #[prost(message, repeated, tag = "3")]
    pub headers: Vec<EnvoyHeader>,
    /// The lines as they came, where the gateway is set to send them so.
    #[prost(message, optional, tag = "13")]
    pub header_map: Option<HeaderLines>,
}

#[derive(Clone, PartialEq, Message)]
pub struct HeaderLines {
    #[prost(message, repeated, tag = "1")]
    pub headers: Vec<EnvoyHeader>,
}

/// A header, or an entry of a map, which looks the same on the wire.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct EnvoyHeader {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    /// The value, where it may be no UTF-8.
    #[prost(bytes = "bytes", tag = "3")]
    pub raw_value: Bytes,
}

/// The answer. An empty one means yes to Envoy, whatever `http_response` says: nothing but
/// `answer.rs` makes one.
#[derive(Clone, PartialEq, Message)]
pub struct CheckResponse {
    #[prost(message, required, tag = "1")]
    pub status: RpcStatus,
    #[prost(oneof = "HttpResponse", tags = "2, 3")]
    pub http_response: Option<HttpResponse>,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum HttpResponse {
    #[prost(message, tag = "2")]
    Denied(DeniedResponse),
    #[prost(message, tag = "3")]
    Ok(OkResponse),
}

/// What the client is told.
#[derive(Clone, PartialEq, Message)]
pub struct DeniedResponse {
    #[prost(message, required, tag = "1")]
    pub status: HttpStatus,
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<HeaderOption>,
    #[prost(bytes = "vec", tag = "3")]
    pub body: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct HttpStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
}

/// What the request and the app's answer to it are given.
#[derive(Clone, PartialEq, Message)]
pub struct OkResponse {
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<HeaderOption>,
    #[prost(message, repeated, tag = "6")]
    pub response_headers_to_add: Vec<HeaderOption>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct HeaderOption {
    #[prost(message, required, tag = "1")]
    pub header: EnvoyHeader,
    #[prost(int32, tag = "3")]
    pub append_action: i32,
    #[prost(bool, tag = "4")]
    pub keep_empty_value: bool,
}
