//! One key, and more links than ever join.

use meshwork_shared::link::close::CloseCode;

use crate::support::{Client, Mesh, Process};

/// Links that may stay without having joined.
const UNJOINED_MAX: usize = 500;

#[tokio::test]
async fn who_holds_one_key_and_never_joins_keeps_nobody_out() {
    let mesh = Mesh::new(31);
    let master = mesh.start().await;
    let authority = master.authority();
    let thumbnailer = Process::new(&mesh, "thumbnailer", "pod-1");
    let psk = mesh.join_psk("thumbnailer", authority);
    // The very first, and slow to join.
    let slow = Client::link(&mesh, master.mesh_addr(), &psk, &thumbnailer.node).await.unwrap();

    let psk = mesh.join_psk("gateway", authority);
    let gateway = Process::new(&mesh, "gateway", "pod-1");
    let mut crowd = Vec::new();
    for _ in 0..UNJOINED_MAX {
        let client = Client::link(&mesh, master.mesh_addr(), &psk, &gateway.node).await;
        crowd.push(client.unwrap());
    }
    // One too many: the oldest of theirs gives way, and none of the others.
    let oldest = crowd.remove(0);
    assert_eq!(oldest.close_code().await, CloseCode::NotReady);
    assert!(crowd.iter().all(|client| client.link.is_open()));
    slow.join(&thumbnailer.join()).await;
    let members = master.members().await.unwrap().members;
    assert_eq!(members.len(), 1, "{members:?}");
    assert!(crowd.iter().all(|client| client.link.is_open()), "who joins takes nobody's place");
    master.shutdown().await;
}
