use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn a_listener_on_port_0_is_reached_where_it_says() {
    let listener = Network::Tcp.listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    assert_ne!(address.port(), 0);
    let dialled = tokio::spawn(async move {
        let mut stream = Network::Tcp.dial(&address.to_string()).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let (mut stream, from) = listener.accept().await.unwrap();
    assert!(from.ip().is_loopback());
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    dialled.await.unwrap();
    assert_eq!(said, b"hello");
}
