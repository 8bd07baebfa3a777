//! The HTTP side of a master as one who looks on asks it: with the token, and by WebSocket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::{Mesh, PATIENCE};
use meshwork_master::Master;
use meshwork_master::events::EventPage;
use meshwork_master::http::dto;

pub(crate) const TOKEN: &str = "a-token-of-at-least-24-characters";

pub(crate) async fn start(mesh: &Mesh) -> (Master, Web) {
    let mut config = mesh.config();
    config.admin_token = Some(TOKEN.into());
    let master = mesh.builder(config).http(true).start().await.unwrap();
    let web = Web(master.http_addr().unwrap());
    (master, web)
}

/// Asks over HTTP.
pub(crate) struct Web(pub(crate) SocketAddr);

impl Web {
    fn agent() -> ureq::Agent {
        let config = ureq::Agent::config_builder();
        config.timeout_global(Some(PATIENCE)).http_status_as_error(false).build().into()
    }

    /// Asks in a thread of its own: some answers take their time.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let request = Self::agent().get(format!("http://{}{path}", self.0));
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let asked = tokio::task::spawn_blocking(move || {
            let mut answer = request.call().unwrap();
            (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
        });
        asked.await.unwrap()
    }

    pub(crate) async fn events(&self, query: &str) -> EventPage {
        let (status, body) = self.get(&format!("/v1/events?{query}")).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) async fn picture(&self) -> dto::Mesh {
        // The last one is shown again for a while.
        tokio::time::sleep(Duration::from_millis(900)).await;
        let (status, body) = self.get("/v1/mesh").await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) fn ticket(&self) -> String {
        let request = Self::agent().post(format!("http://{}/v1/events/ticket", self.0));
        let mut answer =
            request.header("authorization", format!("Bearer {TOKEN}")).send_empty().unwrap();
        let body: serde_json::Value =
            serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        body["ticket"].as_str().unwrap().to_owned()
    }

    /// Opens the live stream with this query and these headers; gives the head of the answer and
    /// the connection.
    pub(crate) fn open(&self, query: &str, headers: &str) -> (String, TcpStream) {
        self.upgrade(&format!("GET /v1/events?{query}"), headers)
    }

    /// The same with any request.
    pub(crate) fn upgrade(&self, request: &str, headers: &str) -> (String, TcpStream) {
        let mut stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = self.0;
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            answer.push(byte[0]);
        }
        (String::from_utf8(answer).unwrap(), stream)
    }
}

/// The next text that the server sends.
pub(crate) fn text(stream: &mut TcpStream) -> serde_json::Value {
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).unwrap();
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                stream.read_exact(&mut len).unwrap();
                usize::from(u16::from_be_bytes(len))
            }
            127 => {
                let mut len = [0; 8];
                stream.read_exact(&mut len).unwrap();
                usize::try_from(u64::from_be_bytes(len)).unwrap()
            }
            short => usize::from(short),
        };
        let mut body = vec![0; len];
        stream.read_exact(&mut body).unwrap();
        if head[0] == 0x81 {
            return serde_json::from_slice(&body).unwrap();
        }
    }
}
