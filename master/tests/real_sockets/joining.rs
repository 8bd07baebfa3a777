//! Who is let in, and what they get: over real sockets, with both ways of admission.

use std::time::Duration;

use crate::support::{Client, Mesh, Process, SCHEMA, check_ticket, request, until_status};
use bytes::Bytes;
use meshwork_schema::Schema;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::connect::ConnectError;
use meshwork_shared::outcome::{CallError, NotExecuted};
use meshwork_shared::protocol::{
    Change, JoinReply, KnownSchema, Message, Ready, Refusal, Renew, Resync, SchemaNews, Status,
    ToWorker,
};
use meshwork_shared::signed_schema::SignedSchema;
use meshwork_shared::ticket::Bearer;

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
    let mesh_id = mesh.secret.mesh_id();
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

#[tokio::test]
async fn a_join_key_admits_its_worker() {
    let mesh = Mesh::new(2);
    let master = mesh.start().await;
    let psk = mesh.join_psk("gateway", master.authority());
    let mut process = Process::new(&mesh, "gateway", "pod-1");
    let (client, _) = process.admit(&mesh, &master, &psk).await;
    check_ticket(&mesh, &client, &process);
    master.shutdown().await;
}

#[tokio::test]
async fn attack_22_a_join_key_admits_no_other_name() {
    let mesh = Mesh::new(3);
    let master = mesh.start().await;
    let psk = mesh.join_psk("gateway", master.authority());
    let process = Process::new(&mesh, "thumbnailer", "pod-1");
    let refusal = process.refused(&mesh, &master, &psk).await;
    assert_eq!(refusal, Refusal::NotYourName { worker: "thumbnailer".parse().unwrap() });
    assert!(master.members().await.unwrap().members.is_empty());
    let counters = master.counters().await.unwrap();
    assert_eq!(counters["audit_refused_not_your_name"], 1, "audited");
    master.shutdown().await;
}

#[tokio::test]
async fn secrets_of_other_meshes_and_keys_of_unknown_workers_open_nothing() {
    let (mesh, other) = (Mesh::new(4), Mesh::new(5));
    let master = mesh.start().await;
    let authority = master.authority();
    let node = Process::new(&mesh, "gateway", "pod-1").node;
    let keys =
        [other.psk(), other.join_psk("gateway", authority), mesh.join_psk("nobody", authority)];
    for psk in keys {
        let linked = Client::link(&mesh, master.mesh_addr(), &psk, &node).await;
        assert!(matches!(linked, Err(ConnectError::Closed { .. })), "{:?}", linked.err());
    }
    assert_eq!(master.counters().await.unwrap()["handshake_unknown_psk"], 3);
    master.shutdown().await;
}

#[tokio::test]
async fn with_join_keys_only_the_mesh_secret_opens_nothing() {
    let mesh = Mesh::new(6);
    let config = MasterConfig { join_keys_only: true, ..mesh.config() };
    let master = mesh.builder(config).start().await.unwrap();
    let mut process = Process::new(&mesh, "gateway", "pod-1");
    let linked = Client::link(&mesh, master.mesh_addr(), &mesh.psk(), &process.node).await;
    assert!(matches!(linked, Err(ConnectError::Closed { .. })));
    process.admit(&mesh, &master, &mesh.join_psk("gateway", master.authority())).await;
    master.shutdown().await;
}

#[tokio::test]
async fn during_a_rotation_both_secrets_and_their_join_keys_open() {
    let mesh = Mesh::new(7);
    let mut config = mesh.config();
    let old = config.secret.clone();
    config.secret = old.generate_rotated(&mesh.random);
    config.secret_previous = Some(old);
    let rotated = Mesh { secret: config.secret.clone(), ..Mesh::new(7) };
    let master = mesh.builder(config).start().await.unwrap();
    let authority = master.authority();
    let keys = [&mesh, &rotated].map(|mesh| [mesh.psk(), mesh.join_psk("gateway", authority)]);
    for (psk, variant) in keys.into_iter().flatten().zip(["a", "b", "c", "d"]) {
        Process::new(&mesh, "gateway", variant).admit(&mesh, &master, &psk).await;
    }
    assert_eq!(master.counters().await.unwrap()["audit_admitted"], 4);
    master.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_the_schema_lacks_is_told_so() {
    let mesh = Mesh::new(8);
    let master = mesh.start().await;
    let refusal = Process::new(&mesh, "nobody", "x").refused(&mesh, &master, &mesh.psk()).await;
    assert_eq!(refusal, Refusal::UnknownWorker { worker: "nobody".parse().unwrap() });
    master.shutdown().await;
}

#[tokio::test]
async fn members_learn_of_each_other() {
    let mesh = Mesh::new(9);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (mut at_gateway, _) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let mut thumbnailer = Process::new(&mesh, "thumbnailer", "pod-2");
    let (at_thumbnailer, welcome) = thumbnailer.admit(&mesh, &master, &mesh.psk()).await;
    let [known] = welcome.view.members.as_slice() else { panic!("the gateway") };
    assert_eq!((known.key.to_string().as_str(), known.status), ("gateway/pod-1", Status::Joining));
    assert_eq!(known.node, gateway.node.node_id());

    let mut loner = Process::new(&mesh, "loner", "x");
    let (_at_loner, welcome) = loner.admit(&mesh, &master, &mesh.psk()).await;
    assert!(welcome.view.members.is_empty(), "it is linked to nobody");

    at_thumbnailer.cast(&Ready {});
    let becomes = |wanted: Status| {
        move |news| match news {
            ToWorker::Delta(delta) => delta.changes.into_iter().find_map(|change| match change {
                Change::Upsert(member) if member.status == wanted => Some(member),
                _ => None,
            }),
            _ => None,
        }
    };
    let seen = at_gateway.news(becomes(Status::Ready)).await;
    assert_eq!(seen.key.to_string(), "thumbnailer/pod-2");

    at_thumbnailer.die().await;
    at_gateway.news(becomes(Status::Lost)).await;
    until_status(&master, "thumbnailer/pod-2", Some(Status::Lost)).await;
    master.shutdown().await;
}

#[tokio::test]
async fn who_leaves_is_gone_at_once_and_for_good() {
    let mesh = Mesh::new(10);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, first) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    client.leave().await;
    assert!(master.members().await.unwrap().members.is_empty());
    let (_client, second) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    assert!(second.incarnation > first.incarnation, "a life that was left does not come back");
    master.shutdown().await;
}

#[tokio::test]
async fn a_resync_and_a_renewal_are_answered() {
    let mesh = Mesh::new(11);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (mut client, welcome) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    client.cast(&Resync {});
    let pick = |news| if let ToWorker::View(view) = news { Some(view) } else { None };
    let view = client.news(pick).await;
    assert_eq!(view.epoch, welcome.view.epoch);
    assert!(view.number > welcome.view.number);

    client.cast(&Renew {});
    let pick = |news| if let ToWorker::Ticket(update) = news { Some(update) } else { None };
    let update = client.news(pick).await;
    assert_eq!(Some(update.ticket.0.to_vec()), gateway.ticket, "the present one is young");
    master.shutdown().await;
}

#[tokio::test]
async fn who_has_the_schema_is_not_sent_it_again() {
    let mesh = Mesh::new(12);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, welcome) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let SchemaNews::Signed(signed) = welcome.schema else { panic!("new to it") };
    client.die().await;
    let status = master.schema().await.unwrap();
    gateway.schema = Some(KnownSchema {
        number: status.number,
        fingerprint: status.fingerprint,
        signature: Some(signed.0[signed.0.len() - 64..].to_vec().into()),
    });
    let (_client, again) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let (number, fingerprint) = (status.number, status.fingerprint);
    assert_eq!(again.schema, SchemaNews::Unchanged { number, fingerprint });
    master.shutdown().await;
}

#[tokio::test]
async fn one_link_joins_once() {
    let mesh = Mesh::new(13);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, _) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let reply = client.join(&gateway.join()).await;
    assert_eq!(reply, JoinReply::Refused(Refusal::AlreadyJoined));
    client.leave().await;
    master.shutdown().await;
}

#[tokio::test]
async fn nonsense_over_a_proven_link_is_refused_and_the_link_lives() {
    let mesh = Mesh::new(14);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, _) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let not_known = CallError::not_executed(NotExecuted::NoSuchCommand);
    for name in ["__proto__", "constructor", "_commands", "view", "\u{1b}[2J", ""] {
        let answer = client.call_raw(name, Bytes::from_static(b"{}")).await;
        assert_eq!(answer, Err(not_known.clone()), "{name:?}");
    }
    let deep = "[".repeat(200_000);
    for body in ["", "null", "{", "\u{0}", "{\"worker\":\"../x\"}", deep.as_str()] {
        let answer = client.call_raw("join", Bytes::copy_from_slice(body.as_bytes())).await;
        let refused = matches!(
            &answer,
            Err(CallError::NotExecuted { reason: NotExecuted::ArgumentRefused { .. } })
        );
        assert!(refused, "{answer:?}");
    }
    client.leave().await;
    master.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_floods_is_refused_and_others_are_served() {
    let mesh = Mesh::new(15);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (flooding, _) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let call = |_| flooding.link.call(request("ready", Ready {}.encode(), true)).unwrap();
    let calls: Vec<_> = (0..1000).map(call).collect();
    let mut overloaded = 0;
    for call in calls {
        match call.await {
            Ok(_) => {}
            Err(CallError::NotExecuted { reason: NotExecuted::Overloaded { .. } }) => {
                overloaded += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(overloaded > 0, "a thousand at once");
    Process::new(&mesh, "gateway", "pod-2").admit(&mesh, &master, &mesh.psk()).await;
    assert!(flooding.link.is_open());
    master.shutdown().await;
}

#[tokio::test]
async fn a_master_that_stops_says_so() {
    let mesh = Mesh::new(16);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, _) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let address = master.mesh_addr();
    tokio::join!(master.shutdown(), async {
        assert_eq!(client.close_code().await, CloseCode::Leaving);
    });
    let gone = Client::link(&mesh, address, &mesh.psk(), &gateway.node).await;
    assert!(matches!(gone, Err(ConnectError::Unreachable { .. })), "{:?}", gone.err());
}

#[tokio::test]
async fn a_master_in_place_runs_in_the_callers_tasks() {
    let local = tokio::task::LocalSet::new();
    let run = async {
        let mesh = Mesh::new(17);
        let master = mesh.builder(mesh.config()).start_in_place().await.unwrap();
        let mut gateway = Process::new(&mesh, "gateway", "pod-1");
        let (client, _) = gateway.admit(&mesh, &master, &mesh.psk()).await;
        assert_eq!(master.http_addr(), None);
        tokio::join!(master.shutdown(), async {
            assert_eq!(client.close_code().await, CloseCode::Leaving);
        });
    };
    tokio::time::timeout(Duration::from_secs(60), local.run_until(run)).await.unwrap();
}
