//! The rows of the table, in its order.

use super::{
    comparison, grpc,
    keyward::Backend::{self, Embedded, Redis},
    options::Options,
    row::Row,
    workload::Workload,
};

pub struct Scenario {
    operation: &'static str,
    backend: Backend,
    protocol: Protocol,
}

enum Protocol {
    Http(Workload),
    /// The check, by Envoy's `ext_authz`.
    Grpc,
}

pub const SCENARIOS: [Scenario; 21] = [
    http("check", Embedded, Workload::Check),
    http("check", Redis, Workload::Check),
    http("check, 10,000 tokens", Embedded, Workload::CheckMany),
    http("check, 10,000 tokens", Redis, Workload::CheckMany),
    http("check, first sight", Embedded, Workload::FirstSight),
    http("check, first sight", Redis, Workload::FirstSight),
    http("check, first sight after a refresh", Embedded, Workload::FirstSightOfNext),
    http("check, first sight after a refresh", Redis, Workload::FirstSightOfNext),
    http("check over the limit (429)", Embedded, Workload::OverLimit),
    http("check over the limit (429)", Redis, Workload::OverLimit),
    Scenario { operation: "check by gRPC", backend: Embedded, protocol: Protocol::Grpc },
    Scenario { operation: "check by gRPC", backend: Redis, protocol: Protocol::Grpc },
    http("login", Embedded, Workload::Login),
    http("login", Redis, Workload::Login),
    http("refresh", Embedded, Workload::Refresh),
    http("refresh", Redis, Workload::Refresh),
    http("logout", Embedded, Workload::Logout),
    http("logout", Redis, Workload::Logout),
    http("introspection", Embedded, Workload::Introspection),
    http("introspection", Redis, Workload::Introspection),
    http("JWKS", Embedded, Workload::Jwks),
];

const fn http(operation: &'static str, backend: Backend, workload: Workload) -> Scenario {
    Scenario { operation, backend, protocol: Protocol::Http(workload) }
}

impl Scenario {
    pub fn name(&self) -> String {
        format!("{}, {}", self.operation, self.backend.name())
    }

    pub fn run(&self, options: &Options) -> Row {
        let Self { operation, backend, protocol } = self;
        match protocol {
            Protocol::Http(workload) => comparison::compare(operation, *backend, *workload, options),
            Protocol::Grpc => grpc::compare(operation, *backend, options),
        }
    }
}
