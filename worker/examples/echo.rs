//! A worker to try a mesh with: it says back what it is told, and who it is. With it one can look
//! at what a mesh does when an instance is slow, stopped or killed.
//!
//! ```toml
//! [echo]
//! _allow = "anyNode"
//! [echo._commands._balanced]
//! say  = {}
//! wait = { timeout = "1m" }
//! spin = { timeout = "1m" }
//! [echo._commands._broadcast]
//! who = { responds = true }
//!
//! # Who calls it: `meshwork call echo.say '{"text": "hello"}'`.
//! [operator]
//! _connect = ["echo"]
//! ```
//!
//! Settings come from the environment: MESHWORK_MASTER and MESHWORK_SECRET_FILE or
//! MESHWORK_JOIN_KEY_FILE, see docs/CONFIGURATION.md. Logs: RUST_LOG=debug.

use std::process::ExitCode;
use std::time::Duration;

use meshwork_worker::{Builder, Command, Context, Failure, Worker};
use serde::{Deserialize, Serialize};

/// A text to say back.
#[derive(Serialize, Deserialize)]
struct Say {
    text: String,
}

/// The text, and which instance says it.
#[derive(Serialize, Deserialize)]
struct Said {
    text: String,
    by: String,
}

impl Command for Say {
    const WORKER: &'static str = "echo";
    const NAME: &'static str = "say";
    type Reply = Said;
}

/// A call that is answered after a while; others are answered meanwhile.
#[derive(Serialize, Deserialize)]
struct Wait {
    ms: u64,
}

impl Command for Wait {
    const WORKER: &'static str = "echo";
    const NAME: &'static str = "wait";
    type Reply = ();
}

/// A call that computes where it should not: it holds up the thread that carries its link.
#[derive(Serialize, Deserialize)]
struct Spin {
    ms: u64,
}

impl Command for Spin {
    const WORKER: &'static str = "echo";
    const NAME: &'static str = "spin";
    type Reply = ();
}

/// Asks every instance for its name.
#[derive(Serialize, Deserialize)]
struct Who;

impl Command for Who {
    const WORKER: &'static str = "echo";
    const NAME: &'static str = "who";
    type Reply = String;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let worker = match echo().start().await {
        Ok(worker) => worker,
        Err(error) => {
            eprintln!("echo: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{} is ready", worker.identity());
    match worker.run_until_signal().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn echo() -> Builder {
    Worker::builder("echo")
        .handle(|context: Context, say: Say| async move {
            if say.text.is_empty() {
                return Err(Failure::new("nothing_said", "there is nothing to say back"));
            }
            Ok(Said { text: say.text, by: context.worker().identity().to_string() })
        })
        .handle(|_: Context, wait: Wait| async move {
            tokio::time::sleep(Duration::from_millis(wait.ms)).await;
            Ok(())
        })
        .handle(|_: Context, spin: Spin| {
            // As `handle_blocking` it would hold nobody up. That is what this command shows.
            std::thread::sleep(Duration::from_millis(spin.ms));
            std::future::ready(Ok(()))
        })
        .handle(
            |context: Context, _: Who| async move { Ok(context.worker().identity().to_string()) },
        )
}
