//! Schemas that are refused: one with a mistake, one that would break what runs.

use serde_json::json;

use super::cluster::text;
use super::mesh::{Mesh, schema};
use super::scene::{Scene, figures};
use crate::e2e::steps::Ended;
use crate::signals::Trouble;

/// What the master logs when it refuses a schema.
const REFUSED: &str = "schema";

impl Scene<'_> {
    /// A schema with a mistake, then one without a command that the gateway may call: both are
    /// refused with the reason, and the one in force stays.
    pub(super) fn broken_schemas(&self) -> Result<Ended, Trouble> {
        let before = self.steady.line()?;
        let pods = self.mesh.thumbnailers()?;
        let numbers = self.schema_numbers(&pods)?;
        let good = schema()?;
        let mistaken = good.replacen("_allow", "_alow", 1);
        let breaking: String = good
            .lines()
            .filter(|line| !line.starts_with("resize = "))
            .map(|line| format!("{line}\n"))
            .collect();
        let mut seen = Vec::new();
        for (name, schema) in [("a mistake", mistaken), ("what would break", breaking)] {
            self.mesh.change_schema(&schema)?;
            self.until("the master refuses it", || refusal(self.mesh).map(|why| !why.is_empty()))?;
            seen.push((name, json!(refusal(self.mesh)?.lines().next())));
            let logged = self.mesh.ask(&["logs", "deploy/master", "--tail=200"])?;
            let line = logged.lines().rev().find(|line| {
                line.contains(REFUSED) && (line.contains("WARN") || line.contains("ERROR"))
            });
            if line.is_none() {
                return Err(format!("the master logs nothing of it: {logged}").into());
            }
            seen.push(("the log says", json!(line)));
            self.mesh.change_schema(&good)?;
            self.until("the good one is back", || refusal(self.mesh).map(|why| why.is_empty()))?;
        }
        if self.schema_numbers(&pods)? != numbers {
            return Err("the pods go by another schema".to_owned().into());
        }
        let after = self.steady.goes_on(&self.steady.line()?, 20)?;
        seen.extend(figures(&before, &after));
        Ok(Ended::Held(seen))
    }
}

/// Why what the file says is not in force; empty if it is.
fn refusal(mesh: &Mesh<'_>) -> Result<String, Trouble> {
    let state = mesh.schema_state()?;
    match state.get("refused_file") {
        Some(refused) if refused.is_object() => {
            let report = text(refused, "/report");
            Ok(if report.is_empty() { refused.to_string() } else { report })
        }
        _ => Ok(String::new()),
    }
}
