//! Shows what was measured of queues: tables for people, lines of JSON for machines.

use std::fmt::Write;
use std::fs;

use super::arguments::QueueArguments;
use super::measure::{Figures, Measure};
use crate::Outcome;
use crate::markdown::machine;
use crate::measurement::Spread;
use crate::report::{spread, thousands};
use crate::target::Target;

/// Prints it all, as the arguments want it.
///
/// # Errors
/// The file of the table cannot be written.
pub(crate) fn show(figures: &Figures, arguments: &QueueArguments) -> Outcome {
    if arguments.json {
        figures.measures().for_each(|measure| println!("{}", line(figures, measure)));
    } else {
        print!("{}", text(figures, arguments)?);
    }
    if let Some(file) = &arguments.markdown {
        let head = format!(
            "# Figures of one run of the benchmark of queues\n\nWritten by `cargo xtask bench \
             queue`; [BENCHMARKS.md](../BENCHMARKS.md) says what is measured and how.\n\n{}.\n",
            machine()
        );
        fs::write(file, head + "\n" + &text(figures, arguments)?)
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    Ok(())
}

/// A measure as a line of JSON.
fn line(figures: &Figures, measure: Measure) -> serde_json::Value {
    let mut line = serde_json::json!({ "what": measure });
    for name in figures.names(measure) {
        let Spread { median, min, max } = figures.spread(measure, name);
        line[name] = serde_json::json!({ "median": median, "min": min, "max": max });
    }
    let targets: Vec<_> = figures.targets(measure).iter().map(Target::as_json).collect();
    line["targets"] = targets.into();
    line
}

fn text(figures: &Figures, arguments: &QueueArguments) -> Result<String, std::fmt::Error> {
    let mut text = format!(
        "{} runs of {} s, median (lowest .. highest).\n\n| what | jobs/s | cpu us per job: \
         producer, worker, Redis | jobs/s to bare | targets |\n|---|---:|---:|---:|---|\n",
        arguments.runs, arguments.seconds
    );
    let (rates, others): (Vec<_>, Vec<_>) = figures.measures().partition(|m| m.is_rate());
    for measure in rates {
        let of = |name| figures.spread(measure, name);
        let cpu = ["producer_cpu_us", "worker_cpu_us", "redis_cpu_us"];
        let cpu = cpu.map(|name| format!("{:.1}", of(name).median)).join(", ");
        let bare = figures.ratio(measure, Measure::Bare).filter(|_| measure != Measure::Bare);
        let failed = match of("failed").max {
            failed if failed > 0.0 => format!(" ({failed:.0} refused)"),
            _ => String::new(),
        };
        writeln!(
            text,
            "| {} | {}{failed} | {cpu} | {} | {} |",
            measure.name(),
            thousands(of("jobs_per_s").median),
            bare.map_or("1".to_owned(), spread),
            targets(figures, measure),
        )?;
    }
    text.push_str("\n| what | figures | targets |\n|---|---|---|\n");
    for measure in others {
        let shown = |name: &str| {
            let Spread { median, min, max } = figures.spread(measure, name);
            let [median, min, max] = [median, min, max].map(readable);
            format!("{} {median} ({min} .. {max})", name.replace('_', " "))
        };
        let shown: Vec<_> = figures.names(measure).into_iter().map(shown).collect();
        let (name, targets) = (measure.name(), targets(figures, measure));
        writeln!(text, "| {name} | {} | {targets} |", shown.join("; "))?;
    }
    Ok(text)
}

/// A figure with as many digits as say something.
fn readable(value: f64) -> String {
    if value.abs() >= 1000.0 { thousands(value) } else { format!("{value:.2}") }
}

fn targets(figures: &Figures, measure: Measure) -> String {
    let targets: Vec<_> = figures.targets(measure).iter().map(Target::to_string).collect();
    targets.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::measure::Sample;
    use super::*;

    #[test]
    fn figures_targets_and_ratios_stand_in_their_rows() {
        let mut figures = Figures::default();
        for (measure, rate) in [(Measure::Bare, 200_000.0), (Measure::Queue, 100_000.0)] {
            figures.add(measure, Sample::from([("jobs_per_s", rate), ("failed", 0.0)]));
        }
        figures.add(Measure::Idle, Sample::from([("cpu_percent", 2.0), ("commands_per_s", 7.0)]));
        let arguments = QueueArguments {
            seconds: 1.0,
            runs: 1,
            only: Vec::new(),
            peers: false,
            million: false,
            json: false,
            markdown: None,
            apalis_program: None,
            bullmq_folder: None,
        };
        let text = text(&figures, &arguments).unwrap();
        assert!(text.contains("| queue | 100 000 |"), "{text}");
        assert!(text.contains("| to bare 0.50 >= 0.4 met |"), "{text}");
        assert!(text.contains("% of a core 2.00 <= 1 MISSED, commands/s 7.00 <= 50 met"), "{text}");
        let line = line(&figures, Measure::Queue);
        assert_eq!(line["targets"][0]["verdict"], "met");
        assert_eq!(line["jobs_per_s"]["median"], 100_000.0);
    }
}
