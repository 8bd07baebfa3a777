//! Known answers of keys, tickets and the signed schema, frozen: a difference is a change of the
//! protocol. They come from a second implementation, `vectors/keys.py`.

#![allow(clippy::unwrap_used)] // a test's helpers may panic as its body does

use meshwork_schema::Fingerprint;
use meshwork_shared::hkdf;
use meshwork_shared::identity::{AuthorityKey, NodeKey, key_file};
use meshwork_shared::ids::{Incarnation, MeshId};
use meshwork_shared::random::Random;
use meshwork_shared::secret::{JoinKey, LinkKind, MeshSecret, Psk};
use meshwork_shared::signed_schema::SignedSchema;
use meshwork_shared::ticket::{Bearer, Claims, Role, Ticket, TicketPolicy, Validity};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/keys.json")).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn mesh() -> MeshId {
    MeshId(array(&vectors()["mesh_secret"]["mesh"]))
}

fn authority() -> AuthorityKey {
    AuthorityKey::from_bytes(array(&vectors()["authority"]["seed"]))
}

#[track_caller]
fn assert_psk(psk: &Psk, expected: &Value) {
    assert_eq!(psk.id.to_string(), expected["id"]);
    assert_eq!(hex(psk.key.as_slice()), expected["key"]);
}

#[test]
fn hkdf_gives_the_known_bytes() {
    let out = hkdf::derive::<70>(b"salt", b"secret", &[b"info"]);
    assert_eq!(hex(out.as_slice()), vectors()["hkdf_70_bytes"]);
}

#[test]
fn mesh_secret_and_join_key_give_the_known_keys() {
    let vectors = vectors();
    let expected = &vectors["mesh_secret"];
    let secret = MeshSecret::parse(expected["text"].as_str().unwrap()).unwrap();
    assert_eq!(secret.mesh_id(), mesh());
    assert_eq!(secret.expose_text().as_str(), expected["text"]);
    assert_psk(&secret.psk(LinkKind::Data), &expected["data_psk"]);
    assert_psk(&secret.psk(LinkKind::Control), &expected["control_psk"]);

    let expected = &vectors["join_key"];
    let worker = expected["worker"].as_str().unwrap().parse().unwrap();
    let key = secret.join_key(&worker, authority().public().hash());
    assert_eq!(key.expose_text().as_str(), expected["text"]);
    assert_eq!(JoinKey::parse(expected["text"].as_str().unwrap()).unwrap(), key);
    assert_psk(&key.psk(), &expected["psk"]);
}

#[test]
fn node_and_authority_keys_give_the_known_public_halves() {
    let vectors = vectors();
    let node = NodeKey::from_bytes(array(&vectors["node"]["secret"]));
    assert_eq!(node.node_id().to_string(), vectors["node"]["id"]);

    let (expected, public) = (&vectors["authority"], authority().public());
    assert_eq!(hex(public.as_bytes()), expected["public"]);
    assert_eq!(public.to_string(), expected["text"]);
    assert_eq!(public.hash().to_string(), expected["hash"]);
    assert_eq!(public.id().to_string(), expected["id"]);
    assert_eq!(expected["text"].as_str().unwrap().parse(), Ok(public));
}

#[test]
fn key_files_hold_the_known_text() {
    let (vectors, folder) = (vectors(), tempfile::tempdir().unwrap());
    let random = Random::seeded(1);
    let file = |name: &str| {
        let path = folder.path().join(name);
        key_file::create(&path, vectors[name]["file"].as_str().unwrap(), &random).unwrap();
        path
    };
    let node = NodeKey::load_or_create(&file("node"), &random).unwrap();
    assert_eq!(node.node_id().to_string(), vectors["node"]["id"]);
    let read = AuthorityKey::load(&file("authority")).unwrap();
    assert_eq!(read.public(), authority().public());
}

#[test]
fn link_secrets_of_each_epoch_are_the_known_ones() {
    for expected in vectors()["link_secrets"].as_array().unwrap() {
        let secret = authority().link_secret(expected["epoch"].as_u64().unwrap());
        assert_eq!(hex(secret.expose_bytes()), expected["secret"]);
        assert_psk(&secret.psk(&mesh()), &expected["psk"]);
    }
}

#[test]
fn tickets_are_the_known_bytes_and_read_back() {
    let vectors = vectors();
    let node = NodeKey::from_bytes(array(&vectors["node"]["secret"])).node_id();
    let mut policy = TicketPolicy::new(mesh());
    policy.trust(authority().public()).unwrap();
    let worker = |worker: &str, variant: &str| Bearer::Worker {
        worker: worker.parse().unwrap(),
        variant: variant.parse().unwrap(),
    };
    let cases = [
        ("worker", worker("thumbnailer", "pod-3"), 184),
        ("master", Bearer::Master, 168),
        ("longest", worker(&"w".repeat(64), &"v".repeat(64)), 296),
    ];
    for (name, bearer, length) in cases {
        let role = bearer.role();
        let claims = Claims {
            mesh: mesh(),
            subject: node,
            bearer,
            schema_version: 3,
            serial: 42,
            incarnation: Incarnation(1_700_000_000_123),
            validity: Validity::starting(1_700_000_000),
        };
        let signed = Ticket::sign(claims.clone(), &authority()).unwrap();
        assert_eq!(hex(signed.as_bytes()), vectors["tickets"][name], "{name}");
        assert_eq!(signed.as_bytes().len(), length, "{name}");
        let read = policy.check(signed.as_bytes(), &node, role, 1_700_000_000).unwrap();
        assert_eq!(read.claims, claims);
        assert_eq!(read.authority, authority().id());
        assert_eq!(role == Role::Master, name == "master");
    }
}

#[test]
fn the_signed_schema_is_the_known_bytes_and_reads_back() {
    let (vectors, key) = (vectors(), authority());
    let expected = &vectors["schema"];
    let json = expected["json"].as_str().unwrap().as_bytes();
    let fingerprint = Fingerprint([5; 32]);
    let signed = SignedSchema::sign(7, json, fingerprint, &mesh(), &key).unwrap();
    assert_eq!(hex(signed.as_bytes()), expected["signed"]);
    let read = SignedSchema::verify(signed.as_bytes(), &key.public(), &mesh()).unwrap();
    assert_eq!((read.number, read.json, read.fingerprint), (7, json, fingerprint));
}
