//! The check, by HTTP and by gRPC: `front` answers it before anything is routed, `verdict` decides, and the
//! rest is how gateways ask.

pub(super) mod ext_authz;
pub(super) mod front;
pub(super) mod http;
pub(super) mod meter;
pub(super) mod verdict;
