//! What the system tells of a process: processor time and memory, read from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// Processor time that all threads of a process have used. Exact to the nanosecond, unlike the
/// ticks of `/proc/PID/stat`; threads that have ended are not in it.
///
/// # Errors
/// The process is gone, or the system is no Linux.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut total_ns = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        total_ns += text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(total_ns))
}

/// Memory of a process that is in RAM, bytes.
///
/// # Errors
/// As [`cpu_time`].
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("no VmRSS in /proc/PID/status"))
}
