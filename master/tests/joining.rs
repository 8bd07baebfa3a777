//! Who is let in, and what they get: over real sockets, with both ways of admission.

mod support;

use meshwork_master::Master;
use meshwork_schema::Schema;
use meshwork_shared::ids::MeshId;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::outcome::{CallError, NotExecuted};
use meshwork_shared::protocol::{
    Change, JoinReply, Message, Ready, Refusal, Renew, Resync, SchemaNews, Status, ToWorker,
};
use meshwork_shared::signed_schema::SignedSchema;
use meshwork_shared::ticket::Bearer;
use support::{Client, Mesh, Process, SCHEMA, check_ticket};

#[tokio::test]
async fn the_mesh_secret_admits_any_worker_of_the_schema() {
    let mesh = Mesh::new(1);
    let master = mesh.start().await;
    let mut process = Process::new(&mesh, "thumbnailer", "pod-1");
    let (client, welcome) = process.admit(&mesh, &master, &mesh.psk()).await;

    assert_eq!(client.authority, master.authority());
    let ticket = check_ticket(&mesh, &client, &process);
    let Bearer::Worker { worker, variant } = &ticket.claims.bearer else { panic!("a worker") };
    assert_eq!((worker.as_str(), variant.as_str()), ("thumbnailer", "pod-1"));
    assert_eq!(ticket.claims.incarnation, welcome.incarnation);

    let SchemaNews::Signed(signed) = &welcome.schema else { panic!("the schema is new to it") };
    let mesh_id: MeshId = mesh.secret.mesh_id();
    let verified = SignedSchema::verify(&signed.0, &master.authority(), &mesh_id).unwrap();
    assert_eq!(verified.number, ticket.claims.schema_version);
    let schema = Schema::from_json(std::str::from_utf8(verified.json).unwrap()).unwrap();
    assert_eq!(schema.fingerprint(), Schema::from_toml(SCHEMA).unwrap().fingerprint());
    assert_eq!(schema.fingerprint(), verified.fingerprint);

    assert_eq!(welcome.link_secrets.secrets.len(), 2);
    assert_eq!(welcome.lease_ms, 15_000);
    assert!(welcome.view.members.is_empty());
    master.shutdown().await;
}
