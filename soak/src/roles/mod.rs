//! What the processes do that the soak starts. Each says one line when it is ready, and ends when
//! its standard input does, so that none outlives the soak however that ends.

use std::io::BufRead;

use tokio::sync::watch;

use crate::Outcome;

pub(crate) mod master;
pub(crate) mod mesh;
pub(crate) mod producer;
pub(crate) mod runner;

/// The runtime that everything of a process runs in.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Says that this process is ready, with what is to be known of it.
fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// The newest number that the soak said; ends the process when the soak is gone.
fn told() -> Outcome<watch::Receiver<u32>> {
    let (tell, told) = watch::channel(0);
    let listen = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Ok(number) = line.parse() {
                tell.send_replace(number);
            }
        }
        std::process::exit(0);
    };
    std::thread::Builder::new().name("parent-watch".to_owned()).spawn(listen)?;
    Ok(told)
}
