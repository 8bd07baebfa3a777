//! `cargo xtask bench dashboard`: the processor time that the dashboard costs the master while one
//! browser shows it, at a hundred members. The master is the shipped program, the members have
//! real links and call each other, the browser is Chromium without a screen.
//!
//! In pairs: a window in which nobody looks, and one in which the page is open. What counts is the
//! difference within a pair, since whatever else the master does is in both.

use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::browser::{self, Browser};
use crate::crowd::{self, MEMBERS};
use crate::mesh::{MASTER, Mesh};
use crate::peers::Profile;
use crate::programs::Programs;

/// Clock ticks of `/proc` a second; the kernel shows no other number to programs.
const TICKS_PER_S: f64 = 100.0;

/// What the difference is to be below, percent of a core.
const TARGET_PERCENT: f64 = 2.0;

/// After the last look workers report often for this long; no window begins before.
const LOOK_IS_OVER: Duration = Duration::from_secs(20);

/// From the first picture until the page is at rest.
const SETTLE: Duration = Duration::from_secs(5);

/// Measures what the dashboard costs the master at a hundred members, with one browser.
#[derive(Parser)]
#[command(name = "cargo xtask bench dashboard", bin_name = "cargo xtask bench dashboard")]
struct Arguments {
    /// Pairs of windows; the median counts
    #[arg(long, default_value_t = 5)]
    pairs: u32,
    /// How long a window is, seconds
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Print a line of JSON and nothing else
    #[arg(long)]
    json: bool,
}

/// One pair: percent of a core.
#[derive(Clone, Copy, Debug)]
struct Pair {
    without: f64,
    with: f64,
}

/// Measures and prints.
///
/// # Errors
/// Something does not start, or the page does not show what is there.
pub(super) fn run(arguments: &[String]) -> Result<(), String> {
    let name = "cargo xtask bench dashboard".to_owned();
    let parsed = Arguments::try_parse_from(std::iter::once(&name).chain(arguments));
    let arguments = parsed.unwrap_or_else(|error| error.exit());
    if let Some(missing) = browser::missing() {
        return Err(missing);
    }
    let programs = Programs::build(&crowd::PACKAGES, Profile::Release)?;
    let out = programs.beside("bench/dashboard");
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    eprintln!("{MEMBERS} members join and link");
    let (mesh, links) = crowd::start(&programs, &out)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let pairs = runtime.block_on(Box::pin(measure(&arguments, &mesh, &out)))?;
    tell(&arguments, links, &pairs);
    Ok(())
}

async fn measure(arguments: &Arguments, mesh: &Mesh<'_>, out: &Path) -> Result<Vec<Pair>, String> {
    let browser = Box::pin(Browser::start(out)).await?;
    let mut pairs = Vec::new();
    let mut measured = Ok(());
    for nth in 1..=arguments.pairs {
        match Box::pin(pair(arguments, mesh, &browser)).await {
            Ok(pair) => {
                eprintln!(
                    "pair {nth} of {}: {:.2} % of a core, {:.2} % with the page open",
                    arguments.pairs, pair.without, pair.with
                );
                pairs.push(pair);
            }
            Err(error) => {
                measured = Err(error);
                break;
            }
        }
    }
    browser.close().await;
    measured.map(|()| pairs)
}

async fn pair(arguments: &Arguments, mesh: &Mesh<'_>, browser: &Browser) -> Result<Pair, String> {
    let master = mesh.pid(MASTER)?;
    browser.open("about:blank").await?;
    sleep(LOOK_IS_OVER).await;
    let without = busy(master, arguments.seconds).await?;
    // A page that is given its token shows the mesh at once.
    browser.open(&format!("{}#token={}", mesh.dashboard(), mesh.token()?)).await?;
    let shown = format!(
        "document.querySelectorAll('#members-rows tr[data-status=ready]').length === {MEMBERS} \
         && document.getElementById('state').dataset.state === 'live'"
    );
    browser.until("the page is live and shows all members", &shown).await?;
    sleep(SETTLE).await;
    let with = busy(master, arguments.seconds).await?;
    browser.until("it still does", &shown).await?;
    Ok(Pair { without, with })
}

/// How busy a process is for so long, percent of a core.
async fn busy(pid: u32, seconds: u64) -> Result<f64, String> {
    let (before, started) = (ticks(pid)?, Instant::now());
    sleep(Duration::from_secs(seconds)).await;
    let (after, took) = (ticks(pid)?, started.elapsed().as_secs_f64());
    Ok(100.0 * after.saturating_sub(before) as f64 / TICKS_PER_S / took)
}

/// Processor time of a process, its own and the kernel's for it, in ticks.
fn ticks(pid: u32) -> Result<u64, String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    let stat = stat.map_err(|error| format!("process {pid} is gone: {error}"))?;
    user_and_system(&stat).ok_or_else(|| format!("no processor time in /proc/{pid}/stat"))
}

/// Fields 14 and 15. The name in field 2 may hold anything, but ends with the last parenthesis.
fn user_and_system(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    Some(user + fields.next()?.parse::<u64>().ok()?)
}

/// Lowest, median and highest.
fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let last = values.len().saturating_sub(1);
    (at(0), f64::midpoint(at(last / 2), at(last.div_ceil(2))), at(last))
}

fn tell(arguments: &Arguments, links: usize, pairs: &[Pair]) {
    let without = spread(pairs.iter().map(|pair| pair.without));
    let with = spread(pairs.iter().map(|pair| pair.with));
    let cost = spread(pairs.iter().map(|pair| pair.with - pair.without));
    let is_met = cost.1 < TARGET_PERCENT;
    if arguments.json {
        let of = |(min, median, max)| json!({ "min": min, "median": median, "max": max });
        let line: Value = json!({
            "what": "dashboard", "members": MEMBERS, "links": links, "pairs": pairs.len(),
            "seconds": arguments.seconds, "without_percent": of(without),
            "with_percent": of(with), "cost_percent": of(cost),
            "target_percent": TARGET_PERCENT, "met": is_met,
        });
        println!("{line}");
        return;
    }
    let row = |what: &str, (min, median, max): (f64, f64, f64)| {
        println!("{what:<28}{median:>8.2} %  ({min:.2} .. {max:.2})");
    };
    println!(
        "The master at {MEMBERS} members and {links} links, {} pairs of {} s, percent of a core:",
        pairs.len(),
        arguments.seconds
    );
    row("nobody looks", without);
    row("the dashboard is open", with);
    row("so it costs", cost);
    let verdict = if is_met { "met" } else { "MISSED" };
    println!("target: less than {TARGET_PERCENT} %, {verdict}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 31 11 5 5 20 0 4 0 100 0 0";
        assert_eq!(user_and_system(stat), Some(42));
        assert_eq!(user_and_system("7 (a"), None);
    }

    #[test]
    fn a_spread_is_lowest_median_and_highest() {
        assert_eq!(spread([3.0, 1.0, 2.0].into_iter()), (1.0, 2.0, 3.0));
    }
}
