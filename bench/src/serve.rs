//! The server of a point, in a process of its own.

use meshwork_shared::net::{Listener, Network};

use crate::Outcome;
use crate::arguments::{Role, ServeArguments};
use crate::what::What;
use crate::{child, hostile, limit, link, mesh};

/// Serves until the process that started this one is gone.
///
/// # Errors
/// It cannot listen.
pub(crate) fn run(arguments: &ServeArguments) -> Outcome {
    child::end_with_parent();
    let lanes = arguments.lanes;
    child::runtime()?.block_on(async {
        match arguments.role {
            Role::Limit => limit::serve(listen().await?, false).await?,
            Role::Pieces => limit::serve(listen().await?, true).await?,
            Role::Link => link::serve(listen().await?, lanes).await?,
            Role::Master => mesh::serve(0, lanes, false).await?,
            Role::Call => mesh::serve(1, lanes, false).await?,
            Role::Plain => mesh::serve(1, lanes, true).await?,
            Role::Crowd => mesh::serve(What::Broadcast32.instances(), lanes, false).await?,
            Role::Instance => mesh::serve_instance(&arguments.master, lanes).await?,
            Role::Victim => hostile::victim(listen().await?, false).await?,
            Role::TrustingVictim => hostile::victim(listen().await?, true).await?,
        }
        Ok(())
    })
}

/// Listens on a free port and says which.
async fn listen() -> Outcome<Listener> {
    let listener = Network::Tcp.listen("127.0.0.1:0").await?;
    child::say(&listener.local_addr()?)?;
    Ok(listener)
}
