//! The client of a point, in a process of its own.

use std::sync::Arc;
use std::time::Duration;

use crate::Outcome;
use crate::arguments::DriveArguments;
use crate::tally::Tally;
use crate::what::What;
use crate::{call, child, limit, link};

/// Keeps the calls of a point in flight, measures one window and says the figures.
///
/// # Errors
/// The server is not there or went away.
pub(crate) fn run(arguments: &DriveArguments) -> Outcome {
    child::end_with_parent();
    child::runtime()?.block_on(async {
        let point = arguments.point();
        let tally = Arc::new(Tally::new(point.in_flight)?);
        let first = arguments.address.first().ok_or("no address to dial")?.to_string();
        let window = Duration::try_from_secs_f64(arguments.seconds)?;
        let measured = tally.measure(window, &arguments.server);
        let measurement = match point.what {
            What::Limit | What::Limit8 | What::Pieces => {
                let echoes =
                    limit::drive(&arguments.address, point, &tally, point.what == What::Pieces)
                        .await?;
                tokio::select! {
                    measurement = measured => measurement?,
                    ended = echoes => return Err(ended.into()),
                }
            }
            What::Link => {
                let _link = link::drive(&first, point, &tally, arguments.lanes).await?;
                measured.await?
            }
            _ => {
                let _worker = call::drive(&first, point, &tally, arguments.lanes).await?;
                measured.await?
            }
        };
        child::say(&measurement)
    })
}
