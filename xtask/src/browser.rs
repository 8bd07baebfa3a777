//! Chromium without a screen, by way of its driver. Both end with it. For `e2e dashboard` and
//! `bench dashboard`.

use std::fmt::Debug;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use url::{ParseError, Url};

use crate::process::{self, program};

/// What has to be on the machine, and the package of Debian that brings it.
const PROGRAMS: [(&str, &str); 2] = [("chromium", "chromium"), ("chromedriver", "chromium-driver")];

/// How long the driver may take to answer.
const DRIVER_WITHIN: Duration = Duration::from_secs(120);

/// How long something on the page may take to come true: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often the page is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What keeps it from asking anybody but the page for anything.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--force-device-scale-factor=1",
];

/// A browser with one page.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    out: PathBuf,
    _profile: TempDir,
}

/// Asks the driver for what the page has logged since it was last asked.
#[derive(Debug)]
struct Logged;

impl WebDriverCompatibleCommand for Logged {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

impl Browser {
    /// Starts it; pictures go to `out`.
    ///
    /// # Errors
    /// Driver or browser does not start.
    pub(crate) async fn start(out: &Path) -> Result<Self, String> {
        let profile = TempDir::new().map_err(|error| format!("no temporary folder: {error}"))?;
        let port = free_port()?;
        let log = fs::File::create(out.join("chromedriver.log"));
        let log = log.map_err(|error| format!("no log of the driver: {error}"))?;
        let driver = program("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|error| error.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("chromedriver did not start: {error}"))?;
        let mut flags: Vec<String> = FLAGS.iter().map(ToString::to_string).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": flags },
        });
        let Value::Object(wanted) = wanted else { return Err("no capabilities".to_owned()) };
        let wanted: Capabilities = wanted.into_iter().collect();
        let address = format!("http://127.0.0.1:{port}");
        let until = Instant::now() + DRIVER_WITHIN;
        let client = loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            match Box::pin(builder.capabilities(wanted.clone()).connect(&address)).await {
                Ok(client) => break Ok(client),
                Err(error) if Instant::now() > until => {
                    break Err(format!("no browser: {error}"));
                }
                Err(_) => sleep(LOOK_EVERY).await,
            }
        };
        let out = out.to_owned();
        match client {
            Ok(client) => Ok(Self { client, driver, out, _profile: profile }),
            Err(error) => {
                end(driver);
                Err(error)
            }
        }
    }

    /// Opens a page.
    ///
    /// # Errors
    /// It does not load.
    pub(crate) async fn open(&self, address: &str) -> Result<(), String> {
        self.client.goto(address).await.map_err(|error| format!("{address}: {error}"))
    }

    /// What a script on the page returns.
    ///
    /// # Errors
    /// It throws.
    pub(crate) async fn run(&self, script: &str) -> Result<Value, String> {
        let done = self.client.execute(script, Vec::new()).await;
        done.map_err(|error| format!("`{script}`: {error}"))
    }

    /// Waits until an expression is true on the page.
    ///
    /// # Errors
    /// It never is; `what` says what was waited for.
    pub(crate) async fn until(&self, what: &str, expression: &str) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        let script = format!("return Boolean({expression})");
        while self.run(&script).await? != Value::Bool(true) {
            if Instant::now() > until {
                return Err(format!("it never came true that {what}: {expression}"));
            }
            sleep(LOOK_EVERY).await;
        }
        eprintln!("  seen: {what}");
        Ok(())
    }

    /// How large the page is, in pixels.
    ///
    /// # Errors
    /// The browser does not do it.
    pub(crate) async fn resize(&self, width: u32, height: u32) -> Result<(), String> {
        let resized = self.client.set_window_size(width, height).await;
        resized.map_err(|error| format!("{width} x {height}: {error}"))
    }

    /// Keeps what is to be seen now.
    ///
    /// # Errors
    /// There is no picture, or no place for it.
    pub(crate) async fn picture(&self, name: &str) -> Result<(), String> {
        let bytes = self.client.screenshot().await.map_err(|error| format!("{name}: {error}"))?;
        let file = self.out.join(format!("{name}.png"));
        fs::write(&file, bytes).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// What the page has logged as an error since this was last asked.
    ///
    /// # Errors
    /// The driver does not tell.
    pub(crate) async fn errors(&self) -> Result<Vec<String>, String> {
        let logged = self.client.issue_cmd(Logged).await.map_err(|error| error.to_string())?;
        let lines = logged.as_array().cloned().unwrap_or_default();
        let bad =
            lines.iter().filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        Ok(bad.filter_map(|line| line["message"].as_str().map(str::to_owned)).collect())
    }

    /// Ends browser and driver.
    pub(crate) async fn close(self) {
        let Self { client, driver, .. } = self;
        // One that does not answer ends with its driver.
        let _ = tokio::time::timeout(DRIVER_WITHIN, client.close()).await;
        end(driver);
    }
}

/// What is not on the machine, and how it comes there; for people.
pub(crate) fn missing() -> Option<String> {
    let (name, package) = PROGRAMS.into_iter().find(|(name, _)| process::find(name).is_none())?;
    Some(format!("no `{name}` here; on Debian: apt-get install -y {package}"))
}

fn end(mut driver: Child) {
    // One that has ended is only waited for.
    let _ = driver.kill();
    let _ = driver.wait();
}

/// A port that nobody has at the moment.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}
