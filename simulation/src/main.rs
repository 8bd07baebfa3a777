//! The command: many seeds, or one to look at.

mod arguments;

use std::process::ExitCode;

use arguments::Arguments;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use meshwork_simulation::campaign::{Campaign, Report, Scenarios};
use meshwork_simulation::run::{Run, Verdict};
use meshwork_simulation::scenario::Scenario;

/// Violations that are shown of a run; one fault breaks many promises.
const SHOWN_MAX: usize = 12;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let well = match arguments.seed {
        Some(seed) => {
            let scenario = arguments.scenario.unwrap_or_else(|| Scenario::of_seed(seed));
            one(Run { scenario, seed, traced: arguments.trace })
        }
        None => many(&arguments),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(run: Run) -> bool {
    let verdict = run.run();
    println!("seed {} under {}: {}", run.seed, run.scenario.name, run.scenario.about);
    print!("{}", verdict.tally);
    println!("trace {:016x}", verdict.hash);
    show_violations(&verdict);
    verdict.violations.is_empty()
}

fn many(arguments: &Arguments) -> bool {
    let scenarios = match arguments.scenario {
        Some(scenario) => Scenarios::One(scenario),
        None if arguments.all => Scenarios::All,
        None => Scenarios::InTurn,
    };
    let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
    let campaign = Campaign { seeds, scenarios, threads: arguments.threads };
    let bar = progress(campaign.runs().len() as u64);
    let report = campaign.run(|run, verdict| {
        bar.inc(1);
        if !verdict.violations.is_empty() {
            bar.suspend(|| println!("seed {} fails under {}", run.seed, run.scenario.name));
        }
    });
    bar.finish_and_clear();
    // One scenario has not all faults to offer.
    show(&report, arguments.scenario.is_none())
}

/// Shown on a terminal only.
fn progress(runs: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} runs, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(runs).with_style(style)
}

fn show(report: &Report, complete: bool) -> bool {
    println!("{} runs, {} failed", report.runs, report.failed.len());
    print!("{}", report.tally);
    for (run, verdict) in &report.failed {
        println!(
            "\nseed {} under {} failed; to see it:\n  {}",
            run.seed,
            run.scenario.name,
            run.command()
        );
        show_violations(verdict);
    }
    let missing = if complete { report.tally.missing() } else { Vec::new() };
    if !missing.is_empty() {
        println!(
            "\nthese never happened, so that nothing is known of them: {}",
            missing.join(", ")
        );
        println!("run more seeds, or look at why");
    }
    report.failed.is_empty() && missing.is_empty()
}

fn show_violations(verdict: &Verdict) {
    for violation in verdict.violations.iter().take(SHOWN_MAX) {
        println!("  {violation}");
    }
    if verdict.violations.len() > SHOWN_MAX {
        println!("  and {} more", verdict.violations.len() - SHOWN_MAX);
    }
}
