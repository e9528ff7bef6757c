//! What the check by gRPC is compared with: a tonic handler that does no work, in a process of its own. It
//! answers each check with the message that Keyward was seen to answer.

use std::{env, net::SocketAddr};

use axum::{Router, serve::ListenerExt};
use base64::{Engine, engine::general_purpose::STANDARD};
use envoy_types::pb::envoy::service::auth::v3::{
    CheckRequest, CheckResponse,
    authorization_server::{Authorization, AuthorizationServer},
};
use prost::Message;
use tonic::{Response, Status};

use super::{
    common::guard::{Guard, free_address},
    target::Target,
};

/// The argument that makes this program such a server.
pub const COMMAND: &str = "bare-grpc";

pub struct BareGrpc {
    guard: Guard,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl BareGrpc {
    pub fn start(answer: &CheckResponse) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let program = env::current_exe().expect("a path");
        let answer = STANDARD.encode(answer.encode_to_vec());
        let words = [program.to_str().expect("UTF-8"), COMMAND, &address.to_string(), &answer];
        let guard = Guard::start(folder.path(), &words, &[], address);
        Self { guard, address, _folder: folder }
    }

    pub fn target(&self) -> Target {
        Target { address: self.address, server: self.guard.id, redis: None }
    }
}

struct Handler(CheckResponse);

#[async_trait::async_trait]
impl Authorization for Handler {
    async fn check(&self, _: tonic::Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}

/// Serves until it is killed.
pub fn serve(words: Vec<String>) {
    let [address, answer] = words.try_into().expect("address and answer");
    let answer = CheckResponse::decode(&*STANDARD.decode(answer).expect("base64")).expect("a message");
    let service = AuthorizationServer::new(Handler(answer));
    let router = Router::new().route_service("/envoy.service.auth.v3.Authorization/Check", service);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.expect("bound");
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("set"));
        axum::serve(listener, router).await.expect("served");
    });
}
