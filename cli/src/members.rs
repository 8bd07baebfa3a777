//! `meshwork members`: who is in the mesh, and who is to be put out of it.

use clap::{Args, Subcommand};
use meshwork_master::http::dto::{MemberList, MemberRow, Revoked};
use meshwork_shared::clock::Clock;
use meshwork_shared::protocol::MemberKey;

use crate::admin::AdminAccess;
use crate::age::age;
use crate::exit::{Exit, Outcome};
use crate::http::{Http, Method};
use crate::table::{Side, Table};
use crate::terminal::{Paint, Style, note, say, say_json};

/// Show who is in the mesh
///
/// Asks the master over HTTP. It wants its admin token, which it keeps in its state directory and
/// names at start: --token-file or --state-dir says where it is, or MESHWORK_ADMIN_TOKEN_FILE; the
/// default is `meshwork-state` in the working directory, where a master on a laptop keeps it.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork members
  meshwork members --master http://10.0.0.1:7071 --token-file admin.token --json
  meshwork members revoke thumbnailer/pod-3

A member that is `lost` has no link to the master now. That is an opinion: its peers go on calling
it as long as it answers them.

Exit codes: 0 shown or revoked, 1 the master says no (no such member), 64 wrong usage, 66 the token
cannot be read, 69 no master answers, 77 the master refuses the token."
)]
pub(crate) struct Members {
    #[command(subcommand)]
    subcommand: Option<MembersCommand>,
    #[command(flatten)]
    access: AdminAccess,
    /// Print one line of JSON instead: what the master answers (docs/HTTP.md)
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum MembersCommand {
    Revoke(Revoke),
}

/// Put a member out of the mesh
///
/// Its tickets are taken back: its links are closed everywhere, and the process is not let in
/// again. A new process of that name is. To keep that out, rotate the mesh secret, from which its
/// join key comes.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Example:
  meshwork members revoke thumbnailer/pod-3

Exit codes: 0 revoked, 1 there is no such member, 64 wrong usage, 66 the token cannot be read,
69 no master answers, 77 the master refuses the token."
)]
struct Revoke {
    /// The member, as `meshwork members` shows it
    #[arg(value_name = "WORKER/VARIANT", value_parser = parse_member)]
    member: MemberKey,
}

impl Members {
    pub(crate) fn run(self) -> Outcome {
        let http = self.access.http()?;
        match &self.subcommand {
            None => list(&http, self.json),
            Some(MembersCommand::Revoke(revoke)) => revoke.run(&http, self.json),
        }
    }
}

impl Revoke {
    fn run(&self, http: &Http, json: bool) -> Outcome {
        // Names are letters, digits and `_.-`: nothing to escape in a path.
        let path = format!("/v1/members/{}/{}/revoke", self.member.worker, self.member.variant);
        let revoked: Revoked = http.ask(Method::Post, &path)?;
        if json {
            say_json(&revoked);
        } else if revoked.revoked.is_empty() {
            say(&format!("{} is revoked\n", self.member));
        }
        for name in revoked.revoked.iter().filter(|_| !json) {
            say(&format!("{}/{} is revoked\n", name.worker, name.variant));
        }
        Ok(Exit::Ok)
    }
}

fn list(http: &Http, json: bool) -> Outcome {
    let list: MemberList = http.ask(Method::Get, "/v1/members")?;
    if json {
        say_json(&list);
        return Ok(Exit::Ok);
    }
    if list.members.is_empty() {
        say("no members\n");
    } else {
        say(&table(&list.members, Clock::system().unix_ms()));
    }
    if !list.settled {
        let paint = Paint::stdout();
        note(&paint.paint(
            Style::Faint,
            "the master has started a moment ago: workers may not have come back to it yet",
        ));
    }
    Ok(Exit::Ok)
}

fn table(members: &[MemberRow], now_unix_ms: u64) -> String {
    let headings = [
        ("member", Side::Left),
        ("status", Side::Left),
        ("for", Side::Right),
        ("address", Side::Left),
        ("commands", Side::Left),
    ];
    let mut table = Table::new(headings, Paint::stdout());
    for member in members {
        let commands: Vec<String> = member.commands.iter().map(ToString::to_string).collect();
        table.push([
            format!("{}/{}", member.worker, member.variant),
            member.status.to_string(),
            age(now_unix_ms.saturating_sub(member.since_unix_ms)),
            member.addresses.first().map_or_else(|| "none".to_owned(), ToString::to_string),
            if commands.is_empty() { "none".to_owned() } else { commands.join(", ") },
        ]);
    }
    table.to_string()
}

fn parse_member(text: &str) -> Result<MemberKey, String> {
    let shape = "write the worker, a slash and the variant, as in thumbnailer/pod-3";
    let (worker, variant) = text.split_once('/').ok_or(shape)?;
    let worker = worker.parse().map_err(|error| format!("the worker: {error}"))?;
    let variant = variant.parse().map_err(|error| format!("the variant: {error}"))?;
    Ok(MemberKey { worker, variant })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_two_names() {
        assert_eq!(parse_member("thumbnailer/pod-3").unwrap().to_string(), "thumbnailer/pod-3");
        for wrong in ["thumbnailer", "thumbnailer/", "/pod-3", "a/b/c"] {
            assert!(parse_member(wrong).is_err(), "{wrong}");
        }
    }
}
