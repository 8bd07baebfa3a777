//! What may be typed.

use std::num::NonZeroUsize;

use clap::Parser;
use meshwork_simulation::scenario::{SCENARIOS, Scenario};

/// Runs the whole mesh in one process under virtual time, with faults, and checks what it promises.
///
/// Exits with 1 if a promise was broken, or if a kind of fault or outcome never came up, which
/// means that too little was tried.
#[derive(Debug, Parser)]
#[command(name = "meshwork-simulation", after_help = list())]
pub(crate) struct Arguments {
    /// Runs so many seeds, each under the scenario whose turn it is.
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "seed")]
    pub(crate) seeds: u64,

    /// The first seed of --seeds.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "seed")]
    pub(crate) from: u64,

    /// Runs every scenario under every seed of --seeds.
    #[arg(long, conflicts_with_all = ["seed", "scenario"])]
    pub(crate) all: bool,

    /// Runs at a time [default: one per core].
    #[arg(long, value_name = "N", conflicts_with = "seed")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Runs one seed and shows what came of it.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Runs this scenario instead of the one whose turn it is.
    #[arg(long, value_name = "NAME", value_parser = scenario)]
    pub(crate) scenario: Option<Scenario>,

    /// Prints everything that happens, with the log; a number in brackets is the process of a line.
    #[arg(long, requires = "seed")]
    pub(crate) trace: bool,
}

fn scenario(name: &str) -> Result<Scenario, String> {
    Scenario::find(name).ok_or_else(|| {
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        format!("there are {}", names.join(", "))
    })
}

fn list() -> String {
    let line = |scenario: &Scenario| format!("\n  {:<18} {}", scenario.name, scenario.about);
    format!("Scenarios:{}", SCENARIOS.iter().map(line).collect::<String>())
}
