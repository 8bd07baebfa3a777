//! Who is answered, and what is refused.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use meshwork_worker::StartError;

use crate::SCHEMA;
use crate::support::{Mesh, soon};
use crate::web::Web;

#[tokio::test]
async fn pages_of_a_browser_are_not_answered_on_loopback() {
    let mesh = Mesh::start(SCHEMA).await;
    let local = mesh.worker("buyer").http_listen("127.0.0.1:0");
    let local = soon("the buyer", local.start()).await.unwrap();
    let web = Web::of(&local);
    for host in ["localhost:1", "127.0.0.1", "[::1]:80"] {
        assert_eq!(web.ask("/v1/node", &[("host", host)]).await.0, 200, "{host}");
    }
    for headers in [("host", "evil.example"), ("origin", "http://evil.example")] {
        let (status, text) = web.ask("/v1/node", &[headers]).await;
        assert_eq!(status, 403, "{headers:?}");
        assert!(text.contains("not_local"), "{text}");
    }
    // Where others are to ask, they do so by any name; a page of a browser still does not.
    let pod = mesh.worker("buyer").http_listen("0.0.0.0:0");
    let pod = soon("the buyer", pod.start()).await.unwrap();
    let web = Web(([127, 0, 0, 1], pod.http_addr().unwrap().port()).into());
    assert_eq!(web.ask("/v1/node", &[("host", "buyer-0.shop:9090")]).await.0, 200);
    assert_eq!(web.ask("/v1/node", &[("origin", "http://evil.example")]).await.0, 403);
}

#[tokio::test]
async fn what_no_request_is_like_is_refused() {
    let mesh = Mesh::start(SCHEMA).await;
    let buyer = mesh.worker("buyer").http_listen("127.0.0.1:0");
    let buyer = soon("the buyer", buyer.start()).await.unwrap();
    let address = buyer.http_addr().unwrap();
    let host = "HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let long = "x".repeat(20_000);
    for (head, status) in [
        (format!("POST /v1/node {host}\r\n"), "405"),
        (format!("GET /nothing {host}\r\n"), "404"),
        (format!("GET /v1/node {host}content-length: 9999\r\n\r\n"), "413"),
        (format!("GET /v1/node {host}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"), "413"),
        (format!("GET /v1/node {host}x-long: {long}\r\n\r\n"), "431"),
    ] {
        let asked = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            let mut start = [0; 12];
            stream.read_exact(&mut start).unwrap();
            String::from_utf8_lossy(&start).into_owned()
        });
        let answer = soon("the answer", asked).await.unwrap();
        assert_eq!(answer, format!("HTTP/1.1 {status}"));
    }
}

#[tokio::test]
async fn an_address_that_is_taken_ends_the_start() {
    let mesh = Mesh::start(SCHEMA).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let buyer = mesh.worker("buyer").http_listen(address.to_string());
    match soon("the start", buyer.start()).await {
        Err(StartError::HttpListen { address: refused, .. }) => assert_eq!(refused, address),
        other => panic!("{other:?}"),
    }
    assert_eq!(mesh.members().await, Vec::<String>::new());
    let plain = soon("the buyer", mesh.worker("buyer").start()).await.unwrap();
    assert_eq!(plain.http_addr(), None, "nothing is served unless it is asked for");
}
