//! A compose project of a clone, under a name of its own. Dropping it takes everything down.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::clone::Clone;
use crate::e2e::engine::{Engine, docker, docker_as};
use crate::signals::Trouble;

/// How long services may take to be healthy.
const UP_SECONDS: u64 = 600;
/// Longest command of compose.
const COMPOSE_WITHIN: Duration = Duration::from_secs(UP_SECONDS + 60);
/// Longest tidying.
const DOWN_WITHIN: Duration = Duration::from_secs(180);
/// Lines of a log that are shown when something failed.
const LOG_LINES: &str = "15";

/// The project.
#[derive(Debug)]
pub(super) struct Project<'e> {
    pub(super) engine: &'e Engine,
    pub(super) clone: &'e Clone,
    pub(super) name: String,
    image: String,
    http_port: u16,
}

impl<'e> Project<'e> {
    pub(super) fn new(
        engine: &'e Engine,
        clone: &'e Clone,
        name: &str,
        image: &str,
    ) -> Result<Self, Trouble> {
        // Free now; whoever takes it in between makes the test fail with a word about the port.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let http_port = free.map_err(|error| format!("no free port: {error}"))?.port();
        let (name, image) = (name.to_owned(), image.to_owned());
        Ok(Self { engine, clone, name, image, http_port })
    }

    /// `docker compose ...` in the clone, as its owner.
    ///
    /// # Errors
    /// It did not end well.
    pub(super) fn compose(&self, arguments: &[&str]) -> Result<String, Trouble> {
        let mut command = self.command(arguments);
        Ok(self.engine.run(&mut command, COMPOSE_WITHIN)?.out)
    }

    /// Starts what is not running and waits until all of it is healthy.
    pub(super) fn up(&self, thumbnailers: usize) -> Result<(), Trouble> {
        let scale = format!("thumbnailer={thumbnailers}");
        let seconds = UP_SECONDS.to_string();
        let up = ["up", "--detach", "--no-build", "--no-recreate", "--wait", "--wait-timeout"];
        self.compose(&[&up[..], &[&seconds, "--scale", &scale]].concat())
            .map(|_| ())
            .map_err(|error| self.with_logs(error))
    }

    /// The containers of a service that run, by id.
    pub(super) fn running(&self, service: &str) -> Result<Vec<String>, Trouble> {
        let out = self.compose(&["ps", "--quiet", service])?;
        Ok(out.split_whitespace().map(str::to_owned).collect())
    }

    /// What a program in a container of `service` prints.
    ///
    /// # Errors
    /// It ended with another code than 0.
    pub(super) fn exec(&self, service: &str, arguments: &[&str]) -> Result<String, Trouble> {
        self.compose(&[&["exec", "-T", service], arguments].concat())
    }

    /// The name under which a thumbnailer joined, from what its container printed.
    pub(super) fn variant(&self, container: &str) -> Result<String, Trouble> {
        let printed = self.engine.ask(&["logs", container])?.out;
        let mut names = printed.lines().filter_map(|line| {
            line.strip_prefix("thumbnailer/").and_then(|line| line.strip_suffix(" is ready"))
        });
        let last = names.next_back().ok_or_else(|| format!("{container} never said its name"))?;
        Ok(last.to_owned())
    }

    /// Takes everything away that `down -v` takes.
    pub(super) fn down(&self) -> Result<(), Trouble> {
        self.compose(&["down", "--volumes", "--timeout", "30"]).map(|_| ())
    }

    /// What the engine still has of this project: containers, volumes, networks.
    pub(super) fn left(&self) -> Result<Vec<String>, Trouble> {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let mut left = Vec::new();
        for list in [&["ps", "-aq"][..], &["volume", "ls", "-q"], &["network", "ls", "-q"]] {
            let out = self.engine.ask(&[list, &["--filter", &label]].concat())?.out;
            left.extend(out.split_whitespace().map(|id| format!("{} {id}", list[0])));
        }
        Ok(left)
    }

    /// Writes what every container logged to a file of `folder`.
    pub(super) fn keep_logs(&self, folder: &Path) {
        let logged = self.compose(&["logs", "--no-color", "--timestamps"]);
        let written = logged.map_err(|error| format!("{error:?}")).and_then(|logged| {
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(folder.join("compose.log"), logged))
                .map_err(|error| error.to_string())
        });
        if let Err(why) = written {
            eprintln!("the logs are not kept: {why}");
        }
    }

    /// The error, and the ends of the logs.
    pub(super) fn with_logs(&self, error: Trouble) -> Trouble {
        let Trouble::Failed(why) = error else { return error };
        let logged = self.compose(&["logs", "--no-color", "--tail", LOG_LINES]);
        let logged = logged.unwrap_or_else(|_| "(no logs)".to_owned());
        Trouble::Failed(format!("{why}\n{}", logged.trim_end()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let somebody = self.clone.user.and_then(docker_as);
        let mut command = somebody.unwrap_or_else(|| docker(&[]));
        command.current_dir(self.clone.path());
        command.args(["compose", "--project-name", &self.name]).args(arguments);
        // As few variables as a person has in a fresh shell, and those that set this one apart.
        for (name, _) in std::env::vars_os() {
            let is_ours = name.to_str().is_some_and(|name| {
                name.starts_with("MESHWORK_") || name.starts_with("COMPOSE_") || name == "RUST_LOG"
            });
            if is_ours {
                command.env_remove(name);
            }
        }
        command.env("THUMBNAILS_IMAGE", &self.image);
        command.env("MASTER_HTTP_PORT", self.http_port.to_string());
        command
    }
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        let everything = ["--profile", "*", "down", "--volumes", "--remove-orphans", "-t", "5"];
        self.engine.tidy(&mut self.command(&everything), DOWN_WITHIN);
    }
}
