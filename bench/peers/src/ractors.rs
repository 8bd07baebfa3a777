//! Calls of `ractor_cluster`: a node in each process, the actor found through its process group.

use std::net::SocketAddr;

use meshwork_bench_harness::Outcome;
use meshwork_bench_harness::child::{self, Ready};
use meshwork_bench_harness::measurement::Measurement;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, pg};
use ractor_cluster::{NodeServer, NodeServerMessage, RactorClusterMessage, client_connect};
use tokio::time::{Instant, sleep};

use crate::address;
use crate::load::{Load, READY_POLL, READY_WITHIN};

/// The process group of the actor, through which the other node learns of it.
const GROUP: &str = "echo";

/// What both nodes must know of each other; no secret here.
const COOKIE: &str = "benchmark";

/// What the actor is asked.
#[derive(RactorClusterMessage)]
enum Ask {
    #[rpc]
    Echo(Vec<u8>, RpcReplyPort<Vec<u8>>),
}

/// Answers with what it was sent. Nobody owns it; it ends with the process.
struct Echo;

impl Actor for Echo {
    type Msg = Ask;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Ask>, (): ()) -> Result<(), ActorProcessingErr> {
        pg::join(GROUP.to_owned(), vec![myself.get_cell()]);
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Ask>,
        Ask::Echo(body, reply): Ask,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        reply.send(body)?;
        Ok(())
    }
}

/// Serves until the process ends.
///
/// # Errors
/// It cannot listen.
pub(crate) async fn serve() -> Outcome {
    let address = address::free()?;
    let _node = node("server", address).await?;
    let _echo = Actor::spawn(None, Echo, ()).await?;
    child::say(&Ready::alone(address))?;
    std::future::pending().await
}

/// Measures the calls of `load`.
///
/// # Errors
/// The server is not there, or its actor is not known in time.
pub(crate) async fn drive(address: SocketAddr, load: Load) -> Outcome<Measurement> {
    let node = node("client", address::free()?).await?;
    client_connect(&node, address).await?;
    let echo = echo().await?;
    load.calls(move |body| {
        let echo = echo.clone();
        async move {
            let len = body.len();
            let reply = echo.call(|reply| Ask::Echo(body.to_vec(), reply), None).await;
            reply.is_ok_and(|reply| reply.success_or(()).is_ok_and(|reply| reply.len() == len))
        }
    })
    .await
}

async fn node(name: &str, address: SocketAddr) -> Outcome<ActorRef<NodeServerMessage>> {
    let (cookie, name) = (COOKIE.to_owned(), name.to_owned());
    let server =
        NodeServer::new(address.port(), cookie, name, address.ip().to_string(), None, None)
            .with_listen_addr(address.ip());
    Ok(Actor::spawn(None, server, ()).await?.0)
}

/// The actor of the other node, once that has told of it.
async fn echo() -> Outcome<ActorRef<Ask>> {
    let until = Instant::now() + READY_WITHIN;
    while Instant::now() < until {
        if let Some(echo) = pg::get_members(&GROUP.to_owned()).pop() {
            return Ok(echo.into());
        }
        sleep(READY_POLL).await;
    }
    Err("the other node tells of no actor".into())
}
