//! `meshwork call`: joins the mesh for one call, as a worker of the schema.

pub(crate) mod advice;
mod asking;
mod join;
mod outcome;
pub(crate) mod target;

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use meshwork_schema::{CommandSchema, Schema, Variant, WorkerName};
use meshwork_shared::identity::AuthorityPublic;
use meshwork_shared::logging;
use meshwork_worker::Worker;
use serde_json::Value;

use self::asking::{Asked, Asking, Choices};
use self::outcome::{show_all, show_one};
use self::target::Target;
use crate::arguments::parse_duration;
use crate::exit::{CommandError, Exit, Outcome};

/// Longest argument that is read from standard input, in bytes: what a message may have by default.
const ARGUMENT_BYTES_MAX: u64 = 8 << 20;

/// How long leaving the mesh may take; the reply is there, so nobody should wait for it.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// Join the mesh for one call, and print the reply
///
/// The call is made as a worker of the schema, `operator` unless --as says another. Where the
/// schema has none, the error shows the lines to add.
///
/// A balanced command goes to one instance, a broadcast command to all of them; a queued one prints
/// the receipt of its job.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork call thumbnailer.resize '{\"width\": 320}' --secret-file mesh.secret
  meshwork call thumbnailer.stats --json               every instance: the schema says broadcast
  meshwork call thumbnailer.stats --to pod-3           this instance and no other
  cat order.json | meshwork call shop.order - --join-key-file operator.key

Master and keys are also read as a worker reads them: MESHWORK_MASTER, MESHWORK_SECRET_FILE,
MESHWORK_JOIN_KEY_FILE, and the file of MESHWORK_CONFIG. Without any: http://127.0.0.1:7071.

Exit codes: 0 answered; 10 not executed, safe to retry; 11 the handler said no; 12 unknown, it may
have run; 64 wrong usage or configuration; 66 the argument cannot be read; 69 no master answers;
77 not let in.
A broadcast exits with the worst of its outcomes (12, 11, 10), and with 10 if nobody was asked."
)]
pub(crate) struct Call {
    /// Whom to ask for what, as named in the schema
    #[arg(value_name = "WORKER.COMMAND")]
    target: Target,
    /// The argument; `-` reads it from standard input
    #[arg(value_name = "JSON", default_value = "null")]
    argument: String,
    /// The worker of the schema to call as [default: that of the join key, or operator]
    #[arg(long = "as", value_name = "WORKER")]
    caller: Option<WorkerName>,
    /// Where the master is: http://host:port (its HTTP side) or host:port (its mesh port)
    #[arg(long, value_name = "ADDRESS")]
    master: Option<String>,
    /// The file with the mesh secret
    #[arg(long, value_name = "FILE", conflicts_with = "join_key_file")]
    secret_file: Option<PathBuf>,
    /// The file with the join key of the calling worker
    #[arg(long, value_name = "FILE")]
    join_key_file: Option<PathBuf>,
    /// The only master to trust, as it prints it; a join key says it already
    #[arg(long, value_name = "authority1_...")]
    authority: Option<AuthorityPublic>,
    /// Ask every instance, also if the command is balanced; one outcome each
    #[arg(long, conflicts_with = "to")]
    broadcast: bool,
    /// Ask this instance and no other
    #[arg(long, value_name = "VARIANT")]
    to: Option<Variant>,
    /// Wait for an instance, within the timeout, if there is none; for a call of a balanced command
    #[arg(long, conflicts_with_all = ["to", "broadcast"])]
    wait: bool,
    /// How long to wait for the reply [default: what the schema says]
    #[arg(long, value_name = "5s", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Print one line of JSON instead: the outcome
    #[arg(long)]
    json: bool,
}

impl Call {
    pub(crate) fn run(self) -> Outcome {
        let argument = parse_argument(&self.argument)?;
        logging::init(Some("error"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            CommandError::new(Exit::Failed, format!("cannot start a runtime: {error}"))
        })?;
        runtime.block_on(self.join_and_call(argument))
    }

    async fn join_and_call(self, argument: Value) -> Outcome {
        let worker = self.join().await?;
        let exit = self.call(&worker, &argument).await;
        // One that does not answer in time finds out that we are gone by the link that ends.
        let _ = tokio::time::timeout(LEAVE_WITHIN, worker.shutdown()).await;
        exit
    }

    async fn call(&self, worker: &Worker, argument: &Value) -> Outcome {
        let schema = worker.schema().ok_or_else(|| {
            CommandError::new(Exit::Failed, "the master let us in without a schema")
        })?;
        let command = self.command(&schema, &worker.identity().worker)?;
        let asking = Asking::choose(command, self.to.as_ref(), self.broadcast)?;
        if self.wait && asking != Asking::One {
            return Err(CommandError::usage(format!(
                "--wait is for a call that one instance answers, and the schema says otherwise of \
                 `{}`: a broadcast asks who is there, a job waits by itself",
                self.target
            )));
        }
        let choices = Choices { timeout: self.timeout, wait: self.wait };
        match asking.ask(worker, &self.target, argument, choices).await {
            Asked::One(result) => Ok(show_one(&result, self.json)),
            Asked::All(outcomes) => Ok(show_all(&outcomes, self.json)),
        }
    }

    /// The command, if the schema has it and lets us call it; else what to change.
    fn command<'s>(
        &self,
        schema: &'s Schema,
        caller: &WorkerName,
    ) -> Result<&'s CommandSchema, CommandError> {
        let (worker, command) = (self.target.worker.as_str(), self.target.command.as_str());
        let Some(callee) = schema.worker(worker) else {
            let names = schema.workers().iter().map(|worker| worker.name.as_str());
            let what = format!("the schema has no worker `{worker}`");
            return Err(not_executed(what, &advice::meant(worker, names)));
        };
        let Some((_, found)) = callee.command(command) else {
            let names = callee.commands.iter().map(|command| command.name.as_str());
            let what = format!("`{worker}` has no command `{command}`");
            return Err(not_executed(what, &advice::meant(command, names)));
        };
        if !schema.may_call(caller.as_str(), worker, command) {
            let what = format!("the schema does not let `{caller}` call `{}`", self.target);
            return Err(not_executed(what, &advice::lines(Some(schema), caller, &self.target)));
        }
        Ok(found)
    }
}

fn not_executed(what: String, help: &str) -> CommandError {
    CommandError::new(Exit::NotExecuted, what).with_help(help)
}

fn parse_argument(text: &str) -> Result<Value, CommandError> {
    let read = if text == "-" { read_argument()? } else { text.to_owned() };
    serde_json::from_str(&read).map_err(|error| {
        CommandError::usage(format!("the argument is no JSON: {error}"))
            .with_help("quote it for the shell, a text too: '{\"width\": 320}', '\"hello\"'")
    })
}

fn read_argument() -> Result<String, CommandError> {
    let mut text = String::new();
    let mut input = std::io::stdin().lock().take(ARGUMENT_BYTES_MAX + 1);
    match input.read_to_string(&mut text) {
        Ok(read) if read as u64 > ARGUMENT_BYTES_MAX => {
            let what = format!("the argument has more than {ARGUMENT_BYTES_MAX} bytes");
            Err(CommandError::usage(what))
        }
        Ok(_) => Ok(text),
        Err(error) => {
            let what = format!("cannot read the argument from standard input: {error}");
            Err(CommandError::new(Exit::NoInput, what))
        }
    }
}
