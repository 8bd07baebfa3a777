//! The stage that keeps the peers of the benchmark alive: they are formatted, linted and built, and
//! each answers some calls. What it measures is thrown away: nothing is optimised here.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::report::Outcome;
use super::setup;
use crate::peers::{self, MANIFEST, Profile};
use crate::process::{self, cargo};

/// The peer with a server of its own, and how that is found and installed.
const NATS: &str = "nats";
const NATS_SERVER: (&str, &str) = ("nats-server", "nats-server");

/// Where Debian puts it, which is on the path of root only; the benchmark looks there too.
const NATS_OF_DEBIAN: &str = "/usr/sbin/nats-server";

/// The others.
const OTHERS: [&str; 3] = ["tonic", "ractor", "telepathy"];

/// What each is asked: many small calls at once, one large one at a time.
const SIZES: [&str; 2] = ["64x64", "65536x1"];

/// How long each is measured; figures are not what this is about.
const SECONDS: &str = "2";

/// Runs the stage.
pub(crate) fn run() -> Outcome {
    // Without a server of NATS the rest is checked all the same.
    let has_nats = Path::new(NATS_OF_DEBIAN).is_file();
    let without_nats = if has_nats { None } else { setup::provide(&[NATS_SERVER]).err() };
    let mut answering = OTHERS.to_vec();
    if without_nats.is_none() {
        answering.push(NATS);
    }
    match lint().and_then(|()| answer(&answering)) {
        Err(why) => Outcome::Failed(why),
        Ok(()) => match without_nats {
            None => Outcome::Passed,
            Some(why) => Outcome::Skipped(format!("only NATS, the others answer: {why}")),
        },
    }
}

fn lint() -> Result<(), String> {
    process::run(&mut cargo(&["fmt", "--manifest-path", MANIFEST, "--all", "--check"]))?;
    let warnings = ["--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    process::run(peers::command("clippy").args(warnings))?;
    process::run(peers::command("test").args(["--locked", "--workspace"]))
}

/// Measures each of `peers` for a moment; well when calls came back and none failed.
fn answer(peers: &[&str]) -> Result<(), String> {
    let program = peers::build(Profile::Dev)?;
    let named = |peer: &&str| SIZES.map(|size| format!("{peer}/{size}"));
    let points: Vec<String> = peers.iter().flat_map(named).collect();
    let mut command = cargo(&["run", "--quiet", "-p", "meshwork-bench", "--"]);
    command.args(["--peers", "--json", "--runs", "1", "--seconds", SECONDS, "--only"]);
    command.arg(points.join(",")).arg("--peers-program").arg(program);
    println!("$ {}", process::show(&command));
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("the benchmark ended with {}", output.status));
    }
    judge(&String::from_utf8_lossy(&output.stdout), &points)
}

/// Looks for each of `points` in the lines of JSON.
fn judge(lines: &str, points: &[String]) -> Result<(), String> {
    let lines: Vec<Value> =
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let answers = |point: &&String| {
        lines.iter().any(|line| {
            let named = [line["what"].as_str(), line["payload"].as_str()];
            let of = |name: [&str; 2]| format!("{}/{}x{}", name[0], name[1], line["in_flight"]);
            matches!(named, [Some(what), Some(payload)] if of([what, payload]) == **point)
                && line["calls_per_s"].as_f64().is_some_and(|calls| calls > 0.0)
                && line["failed"] == 0
        })
    };
    let silent: Vec<_> = points.iter().filter(|point| !answers(point)).cloned().collect();
    if silent.is_empty() {
        println!("{} points of peers answer", points.len());
        return Ok(());
    }
    Err(format!("no good answers from {}", silent.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_failed_or_were_not_measured_are_named() {
        let line = |what: &str, calls: u32, failed: u32| {
            format!(
                "{{\"what\":\"{what}\",\"payload\":\"64\",\"in_flight\":64,\
                 \"calls_per_s\":{calls}.0,\"failed\":{failed}}}\n"
            )
        };
        let lines = [line("nats", 9, 0), line("tonic", 0, 0), line("ractor", 9, 1)].concat();
        let points = ["nats/64x64", "tonic/64x64", "ractor/64x64", "telepathy/64x64"];
        let points = points.map(str::to_owned);
        assert_eq!(judge(&lines, &points[..1]), Ok(()));
        let error = judge(&lines, &points).unwrap_err();
        assert_eq!(error, "no good answers from tonic/64x64, ractor/64x64, telepathy/64x64");
    }
}
