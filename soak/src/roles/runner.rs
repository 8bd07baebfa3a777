//! A worker that runs jobs and writes down each run before its handler returns.

use std::sync::Arc;
use std::time::Duration;

use meshwork_shared::ids::JobId;
use meshwork_shared::logging;
use meshwork_shared::random::Random;
use meshwork_worker::{Context, Failure};

use super::mesh::{Work, worker};
use super::{runtime, say, told};
use crate::Outcome;
use crate::arguments::RunnerArguments;
use crate::journal::Journal;
use crate::record::Run;

/// Longest time that a job takes, milliseconds: long enough that a kill meets some in the middle.
const WORK_MS_MAX: u64 = 20;

/// Runs until the soak is gone.
///
/// # Errors
/// It cannot join the mesh or write its journal.
pub(crate) fn run(arguments: &RunnerArguments) -> Outcome {
    logging::init(None);
    let _told = told()?;
    let journal = Arc::new(Journal::open(&arguments.mesh.journal)?);
    let instance = format!("{}#{}", arguments.variant, std::process::id());
    runtime()?.block_on(async {
        let random = Random::system();
        let builder = worker("runner", &arguments.variant, &arguments.mesh);
        let runner = builder.handle(move |context: Context, Work { number }| {
            let (journal, instance) = (journal.clone(), instance.clone());
            let took = Duration::from_millis(random.below(WORK_MS_MAX));
            async move {
                tokio::time::sleep(took).await;
                let job = context.job().map_or(JobId([0; 16]), |job| job.id());
                let run = Run { number, attempt: context.attempt(), instance, job };
                let written = journal.add(&run);
                written.map_err(|error| Failure::new("journal", error.to_string()))
            }
        });
        let _runner = runner.start().await?;
        say("ready");
        std::future::pending().await
    })
}
