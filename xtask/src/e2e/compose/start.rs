//! Up, the pictures, who sees which key; and down.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::project::Project;
use crate::e2e::steps::Ended;
use crate::signals::Trouble;

/// Thumbnailers that a plain `docker compose up` starts.
pub(super) const THUMBNAILERS: usize = 3;

/// How long the pictures may take, with everything up.
const PICTURES_WITHIN: Duration = Duration::from_secs(120);

/// The user of the images.
const IMAGE_USER: &str = "10001";

/// Where services see their key.
const KEYS: &str = "/run/meshwork";

/// What the gateway writes about its work.
#[derive(Debug, Deserialize)]
struct Report {
    pictures: usize,
    thumbnails: usize,
    failed: usize,
    workers: BTreeMap<String, u64>,
    previews: BTreeMap<String, u64>,
}

/// Starts everything.
pub(super) fn up(project: &Project<'_>) -> Result<Ended, Trouble> {
    project.up(THUMBNAILERS)?;
    let mut seen = Vec::new();
    let wanted = [("redis", 1), ("master", 1), ("thumbnailer", THUMBNAILERS), ("gateway", 1)];
    for (service, wanted) in wanted {
        let running = project.running(service)?.len();
        if running != wanted {
            return Err(format!("{running} of {wanted} containers of {service} run").into());
        }
        seen.push((service, json!(running)));
    }
    Ok(Ended::Held(seen))
}

/// Waits for the gateway's report, and looks at what is in the folder of the host.
pub(super) fn pictures(project: &Project<'_>) -> Result<Ended, Trouble> {
    let out = project.clone.out();
    let file = out.join("report.json");
    let read = || fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let signals = project.engine.signals();
    let report: Option<Report> = signals.wait(PICTURES_WITHIN, || Ok(read()))?;
    let report = report.ok_or_else(|| {
        project.with_logs(Trouble::Failed("the gateway reports nothing".to_owned()))
    })?;
    let wanted = project.clone.pictures;
    let previews: u64 = report.previews.values().sum();
    let done = [report.pictures, report.thumbnails, previews as usize];
    if report.failed > 0 || done != [wanted; 3] || report.workers.len() != THUMBNAILERS {
        return Err(format!("not all of {wanted} pictures are done: {report:?}").into());
    }
    let files = [pngs(&out.join("thumbnails"))?, pngs(&out.join("previews"))?, pngs(&out)?];
    if files != [wanted, wanted, 1] {
        return Err(format!("the folder has {files:?} thumbnails, previews, sheets").into());
    }
    belongs_to(&out, project.clone.uid())?;
    Ok(Ended::Held(vec![
        ("pictures", json!(report.pictures)),
        ("by calls", json!(report.workers.values().collect::<Vec<_>>())),
        ("by jobs", json!(report.previews.values().collect::<Vec<_>>())),
        ("owner of the folder", json!(project.clone.uid())),
    ]))
}

/// How many files in a folder begin as PNG does.
fn pngs(folder: &Path) -> Result<usize, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let is_png = |path: &Path| fs::read(path).is_ok_and(|file| file.starts_with(b"\x89PNG\r\n"));
    Ok(entries.filter_map(Result::ok).filter(|entry| is_png(&entry.path())).count())
}

/// Whoever owns a folder can take away what is in it, whoever wrote that.
fn belongs_to(folder: &Path, user: u32) -> Result<(), String> {
    for folder in [folder.to_owned(), folder.join("thumbnails"), folder.join("previews")] {
        let found = fs::metadata(&folder).map_err(|error| error.to_string())?;
        if found.uid() != user || found.mode() & 0o700 != 0o700 {
            let (uid, mode) = (found.uid(), found.mode() & 0o777);
            return Err(format!("{} belongs to {uid}, mode {mode:o}", folder.display()));
        }
    }
    Ok(())
}

/// Looks at the mesh as people do, from inside of the master.
pub(super) fn seen(project: &Project<'_>) -> Result<Ended, Trouble> {
    let frame = project.exec("master", &["meshwork", "top", "--json"])?;
    let frame: Value = serde_json::from_str(&frame)
        .map_err(|error| Trouble::Failed(format!("meshwork top: {error}: {frame}")))?;
    let mesh = &frame["mesh"];
    let rows = mesh["queues"].as_array().into_iter().flatten();
    let reachable = rows.filter(|row| row["reachable"] == true).count();
    // Where the master does not reach a queue, its dead jobs cannot be retried by a button.
    if mesh["queue_store"]["state"] != "reachable" || reachable == 0 {
        let told = format!("the master does not reach the queues: {mesh}");
        return Err(told.into());
    }
    // It fails where no store is named, or does not answer.
    project.exec("master", &["meshwork", "queue", "ls"])?;
    // What Prometheus gets of the master's state: the token, its own to read, and nothing else.
    let script = "/copy-token.sh && stat -c '%u %a' /token/admin.token && ls -A /token && \
                  cmp /state/admin.token /token/admin.token";
    let observed = ["--profile", "observability", "run", "--rm", "--no-deps", "-T", "token"];
    let told = project.compose(&[&observed[..], &["sh", "-c", script]].concat())?;
    if told.split_whitespace().collect::<Vec<_>>() != [IMAGE_USER, "600", "admin.token"] {
        return Err(format!("Prometheus gets another token than the master's: {told}").into());
    }
    let members = mesh["members"].as_array().map_or(0, Vec::len);
    Ok(Ended::Held(vec![("members", json!(members)), ("queues", json!(reachable))]))
}

/// Looks from inside at what each service may see and do.
pub(super) fn keys(project: &Project<'_>) -> Result<Ended, Trouble> {
    for (service, key) in
        [("master", "mesh.secret"), ("thumbnailer", "join.key"), ("gateway", "join.key")]
    {
        let seen = project.exec(service, &["ls", "-A", KEYS])?;
        if seen.split_whitespace().collect::<Vec<_>>() != [key] {
            return Err(format!("{service} sees {seen:?} instead of {key}").into());
        }
        let user = project.exec(service, &["id", "-u"])?;
        if user.trim() != IMAGE_USER {
            return Err(format!("{service} runs as user {}", user.trim()).into());
        }
        for place in [format!("{KEYS}/x"), "/x".to_owned(), "/tmp/x".to_owned()] {
            let script = format!("! touch {place} 2>/dev/null");
            project.exec(service, &["sh", "-c", &script]).map_err(|error| match error {
                Trouble::Failed(_) => Trouble::Failed(format!("{service} can write {place}")),
                interrupted => interrupted,
            })?;
        }
    }
    let differ = project.exec("thumbnailer", &["cat", &format!("{KEYS}/join.key")])?
        != project.exec("gateway", &["cat", &format!("{KEYS}/join.key")])?;
    if !differ {
        return Err("thumbnailers and gateway have one join key".to_owned().into());
    }
    Ok(Ended::Held(vec![("services", json!(3)), ("user", json!(IMAGE_USER))]))
}

/// Takes everything down and looks for what is left.
pub(super) fn down(project: &Project<'_>) -> Result<Ended, Trouble> {
    project.down()?;
    let left = project.left()?;
    if !left.is_empty() {
        return Err(format!("still there: {}", left.join(", ")).into());
    }
    Ok(Ended::Held(vec![("left", json!(0))]))
}
