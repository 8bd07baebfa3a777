//! `meshwork why A B.COMMAND`: whether calls get through, and if not, what says no.
//!
//! * `walk.rs`: the way of a call, step by step; pure
//! * `step.rs`: one step, and what it says

mod step;
mod walk;

use clap::Args;
use meshwork_master::http::dto::{MemberList, SchemaInfo};
use meshwork_schema::{Schema, WorkerName};
use meshwork_shared::screen::one_line;
use serde::Serialize;

use self::step::{Step, Verdict, is_no};
use self::walk::{Facts, walk};
use crate::admin::AdminAccess;
use crate::call::target::Target;
use crate::exit::{CommandError, Exit, Outcome};
use crate::http::{Http, Method};
use crate::picture;
use crate::terminal::{Paint, Style, say, say_json};

/// Say whether one worker can call a command of another, and if not, what says no
///
/// Goes the way of a call step by step: does the schema have the command, do `_connect`, `_allow`
/// and the command's own `allow` let the caller, do both go by the schema in force, are both
/// members and ready, is there a handler, are they linked, is there room, does the queue run. Stops
/// at the first step that says no, and says what to do about it.
///
/// It asks the master only, as `meshwork members` does, and makes no call; it looks twice within
/// seconds, so that the figures are those of now.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork why gateway thumbnailer.resize
  meshwork why gateway thumbnailer.resize --json | jq -r '.steps[-1].what'

Exit codes: 0 nothing says no, 1 something does, 64 wrong usage, 66 the token cannot be read,
69 no master answers, 77 the master refuses the token."
)]
pub(crate) struct Why {
    /// The worker that calls
    #[arg(value_name = "CALLER")]
    caller: WorkerName,
    /// What it calls
    #[arg(value_name = "WORKER.COMMAND")]
    target: Target,
    #[command(flatten)]
    access: AdminAccess,
    /// Print one line of JSON instead (docs/CLI.md)
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    caller: &'a WorkerName,
    command: String,
    /// Nothing says no.
    answer: bool,
    steps: &'a [Step],
}

impl Why {
    pub(crate) fn run(self) -> Outcome {
        let http = self.access.http()?;
        let steps = walk(&facts(&http)?, &self.caller, &self.target);
        let answer = !is_no(&steps);
        if self.json {
            let command = self.target.to_string();
            say_json(&Report { caller: &self.caller, command, answer, steps: &steps });
        } else {
            say(&shown(&self.caller, &self.target, &steps, Paint::stdout()));
        }
        Ok(if answer { Exit::Ok } else { Exit::Failed })
    }
}

fn facts(http: &Http) -> Result<Facts, CommandError> {
    let mesh = picture::fresh(http)?;
    let info: SchemaInfo = http.ask(Method::Get, "/v1/schema")?;
    let members: MemberList = http.ask(Method::Get, "/v1/members")?;
    let schema = Schema::from_json(&info.schema.to_string()).map_err(|errors| {
        let what = "the master's schema has mistakes here: is this `meshwork` older than it?";
        CommandError::new(Exit::Failed, what).with_help(errors.to_string())
    })?;
    Ok(Facts { schema, members: members.members, mesh })
}

/// A tick per step; below them, what to do about the one that says no.
fn shown(caller: &WorkerName, target: &Target, steps: &[Step], paint: Paint) -> String {
    let mut text = String::new();
    let width = steps.iter().map(|step| step.step.len()).max().unwrap_or(0);
    for step in steps {
        let mark = match step.verdict {
            Verdict::Yes => paint.paint(Style::Good, "✓"),
            Verdict::Doubt => paint.paint(Style::Heading, "!"),
            Verdict::No => paint.paint(Style::Bad, "✗"),
        };
        // Much of it is what members say of themselves.
        text.push_str(&format!("  {mark} {:width$}  {}\n", step.step, one_line(&step.what)));
        // What a doubt asks for stands beside it: the end is for the one that says no.
        if let (Verdict::Doubt, Some(advice)) = (step.verdict, &step.advice) {
            for line in advice.lines() {
                text.push_str(&format!("    {:width$}  {}\n", "", one_line(line)));
            }
        }
    }
    let no = steps.last().filter(|step| step.verdict == Verdict::No);
    match no {
        None => {
            let yes = paint.paint(Style::Good, "yes");
            text.push_str(&format!("{yes}: {caller} can call {target}\n"));
        }
        Some(step) => {
            let no = paint.paint(Style::Bad, "no");
            text.push_str(&format!("{no}: {}\n", one_line(&step.what)));
            for line in step.advice.iter().flat_map(|advice| advice.lines()) {
                text.push_str(format!("  {}", one_line(line)).trim_end());
                text.push('\n');
            }
        }
    }
    text
}
