//! The `meshwork` command: a small mesh to look at, a master to run, calls to make, a schema to
//! check, keys to make. `docs/CLI.md` has all of it on one page.
//!
//! * `arguments.rs`: what may be typed, and which file carries it out
//! * `schema.rs`, `keygen.rs`, `master.rs`, `members.rs`, `health.rs`, `queue.rs`, `call.rs`,
//!   `demo.rs`, `top.rs`, `events.rs`, `why.rs`: one subcommand each
//! * `admin.rs`: how commands for operators reach a master
//! * `exit.rs`: exit codes, and the error that a subcommand ends with
//! * `http.rs`: asking a master over HTTP; `picture.rs`: for the picture of the mesh
//! * `terminal.rs`, `table.rs`, `age.rs`, `when.rs`: output for people

mod admin;
mod age;
mod arguments;
mod call;
mod demo;
mod events;
mod exit;
mod health;
mod http;
mod keygen;
mod master;
mod members;
mod picture;
mod queue;
mod schema;
mod table;
mod terminal;
mod top;
mod when;
mod why;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match arguments::parse() {
        Ok(arguments) => arguments,
        Err(exit) => return exit.into(),
    };
    match arguments.run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            terminal::complain(&error);
            error.exit.into()
        }
    }
}
