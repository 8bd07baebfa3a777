//! What the system says of this process. Read from `/proc`, which only Linux has.

use super::{Exposition, Kind};

/// Ticks of a second in `/proc`: the same on every machine that Linux runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What this process has used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessFigures {
    /// Processor time of all its threads since the start, seconds.
    pub cpu_seconds: f64,
    /// Memory that it holds now, bytes.
    pub resident_bytes: u64,
    /// Files and sockets that it has open.
    pub open_fds: u64,
    /// Most of them that it may have open.
    pub max_fds: u64,
    /// When it started, unix time in seconds.
    pub start_unix_seconds: f64,
}

impl ProcessFigures {
    /// Asks the system; `None` where it has no `/proc`.
    pub fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The name before the bracket may hold anything.
        let (_, stat) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = stat.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
        let boot = std::fs::read_to_string("/proc/stat").ok()?;
        let booted: f64 = after(&boot, "btime ")?.parse().ok()?;
        let files = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
        Some(Self {
            cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
            resident_bytes: after(&status, "VmRSS:")?.parse::<u64>().ok()? * 1024,
            // One of them is the folder that is being read.
            open_fds: files.saturating_sub(1),
            max_fds: after(&limits, "Max open files")?.parse().unwrap_or(u64::MAX),
            start_unix_seconds: booted + ticks(19)? / TICKS_PER_SECOND,
        })
    }

    /// Writes them under the names that all programs use for them.
    pub fn write(&self, text: &mut Exposition) {
        let mut one = |name: &str, kind, help: &str, value: f64| {
            text.family(name, kind, help);
            text.sample(name, &[], value);
        };
        let cpu = "Processor time of the process, seconds.";
        one("process_cpu_seconds_total", Kind::Counter, cpu, self.cpu_seconds);
        let memory = "Memory that the process holds, bytes.";
        one("process_resident_memory_bytes", Kind::Gauge, memory, self.resident_bytes as f64);
        one("process_open_fds", Kind::Gauge, "Open files and sockets.", self.open_fds as f64);
        let most = "Most files and sockets that may be open.";
        one("process_max_fds", Kind::Gauge, most, self.max_fds as f64);
        let start = "Start of the process, unix time in seconds.";
        one("process_start_time_seconds", Kind::Gauge, start, self.start_unix_seconds);
    }
}

/// The word that follows a name at the beginning of a line.
fn after<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let figures = ProcessFigures::read().unwrap();
        assert!(figures.resident_bytes > 100_000, "{figures:?}");
        assert!(figures.open_fds >= 3 && figures.max_fds >= figures.open_fds, "{figures:?}");
        let now = crate::clock::Clock::system().unix_seconds() as f64;
        let age = now - figures.start_unix_seconds;
        assert!((-2.0..86400.0).contains(&age), "{figures:?}, {age} s ago");
    }
}
