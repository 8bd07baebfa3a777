//! gRPC with tonic: a unary call, plain text, one channel that all callers share, everything else
//! as it comes.

use std::net::SocketAddr;

use meshwork_bench_harness::Outcome;
use meshwork_bench_harness::child::{self, Ready};
use meshwork_bench_harness::measurement::Measurement;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::load::Load;

/// What `build.rs` made of `proto/echo.proto`.
#[allow(missing_docs, unreachable_pub)]
mod proto {
    tonic::include_proto!("echo");
}

use proto::Message;
use proto::echo_client::EchoClient;
use proto::echo_server::{Echo, EchoServer};

/// Answers with what it was sent.
struct Service;

#[tonic::async_trait]
impl Echo for Service {
    async fn call(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

/// Serves until the process ends.
///
/// # Errors
/// It cannot listen.
pub(crate) async fn serve() -> Outcome {
    // With Nagle's algorithm off, as the server is by default when it listens by itself.
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    child::say(&Ready::alone(incoming.local_addr()?))?;
    Server::builder().add_service(EchoServer::new(Service)).serve_with_incoming(incoming).await?;
    Ok(())
}

/// Measures the calls of `load`.
///
/// # Errors
/// The server is not there.
pub(crate) async fn drive(address: SocketAddr, load: Load) -> Outcome<Measurement> {
    let client = EchoClient::connect(format!("http://{address}")).await?;
    load.calls(move |body| {
        // The documented way to call from many tasks: a clone costs next to nothing.
        let mut client = client.clone();
        async move {
            let len = body.len();
            let reply = client.call(Message { body }).await;
            reply.is_ok_and(|reply| reply.get_ref().body.len() == len)
        }
    })
    .await
}
