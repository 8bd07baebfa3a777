//! The server of a point, in a process of its own.

use meshwork_shared::net::Network;

use crate::Outcome;
use crate::arguments::{Role, ServeArguments};
use crate::{child, hostile, limit, link};

/// Serves until the process that started this one is gone.
///
/// # Errors
/// It cannot listen.
pub(crate) fn run(arguments: &ServeArguments) -> Outcome {
    child::end_with_parent();
    child::runtime()?.block_on(async {
        let listener = Network::Tcp.listen("127.0.0.1:0").await?;
        child::say(&listener.local_addr()?)?;
        match arguments.role {
            Role::Limit => limit::serve(listener).await?,
            Role::Link => link::serve(listener, arguments.lanes).await?,
            Role::Victim => hostile::victim(listener, false).await,
            Role::TrustingVictim => hostile::victim(listener, true).await,
        }
        Ok(())
    })
}
