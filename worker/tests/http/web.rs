//! Asks over HTTP, off the test's runtime.

use std::net::SocketAddr;
use std::time::Duration;

use meshwork_worker::Worker;
use serde::de::DeserializeOwned;

#[derive(Clone, Copy)]
pub(crate) struct Web(pub(crate) SocketAddr);

impl Web {
    pub(crate) fn of(worker: &Worker) -> Self {
        Self(worker.http_addr().expect("it serves HTTP"))
    }

    /// Status and text of an answer; 0 when nobody answers.
    pub(crate) async fn get(self, path: &str) -> (u16, String) {
        self.ask(path, &[]).await
    }

    pub(crate) async fn ask(self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20)));
        let agent: ureq::Agent = config.http_status_as_error(false).build().into();
        let mut request = agent.get(format!("http://{}{path}", self.0));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let asked = tokio::task::spawn_blocking(move || {
            let Ok(mut answer) = request.call() else { return (0, String::new()) };
            (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
        });
        asked.await.unwrap()
    }

    /// The shape of an answer that is there.
    pub(crate) async fn read<T: DeserializeOwned>(self, path: &str) -> T {
        let (status, text) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Asks until the answer has this status; gives its text.
    pub(crate) async fn until(self, path: &str, wanted: u16) -> String {
        for _ in 0..2000 {
            let (status, text) = self.get(path).await;
            if status == wanted {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} never answered {wanted}");
    }
}
