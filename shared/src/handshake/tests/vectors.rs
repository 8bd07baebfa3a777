//! Known answers, frozen under `tests/vectors`. They were not made by this code: those of our own
//! pattern by the plain Python beside them, which is first checked with a published one.

use serde_json::Value;
use snow::Builder;

use super::super::resolver::Resolver;
use super::*;

fn field(vector: &Value, name: &str) -> Vec<u8> {
    hex(vector[name].as_str().unwrap())
}

fn key(vector: &Value, name: &str) -> [u8; 32] {
    field(vector, name).try_into().unwrap()
}

#[test]
fn handshake_transcript_is_frozen() {
    let file = include_str!("../../../tests/vectors/handshake.json");
    let v: Value = serde_json::from_str(file).unwrap();
    let id = PskId(field(&v, "psk_id").try_into().unwrap());
    let psk = Psk { id, key: Zeroizing::new(key(&v, "psk")) };
    let ephemeral = |name| Zeroizing::new(key(&v, name));
    let [dialer_key, acceptor_key] =
        ["dialer_node_key", "acceptor_node_key"].map(|name| NodeKey::from_bytes(key(&v, name)));
    let introduction = |name| {
        let bytes = field(&v, name);
        let introduction = Introduction::decode(&bytes).unwrap();
        assert_eq!(introduction.encode().unwrap(), bytes);
        introduction
    };

    let drawn = ephemeral("dialer_ephemeral");
    let (mut dialer, opening) = Dialer::start(LinkKind::Data, &psk, &dialer_key, drawn).unwrap();
    assert_eq!(opening, [field(&v, "preamble"), field(&v, "m1")].concat());

    let mut acceptor = Acceptor::new();
    let mut read = BytesMut::from(&opening[..]);
    acceptor.handle(&mut read).unwrap();
    acceptor.psk_with(Some(&psk), &acceptor_key, ephemeral("acceptor_ephemeral")).unwrap();
    acceptor.handle(&mut read).unwrap();
    let second = acceptor.introduce(&introduction("acceptor_introduction")).unwrap();
    assert_eq!(second, field(&v, "m2"));

    dialer.handle(&mut BytesMut::from(&second[..])).unwrap();
    let (third, dialed) = dialer.finish(&introduction("dialer_introduction")).unwrap();
    assert_eq!(third, field(&v, "m3"));

    acceptor.handle(&mut BytesMut::from(&third[..])).unwrap();
    let accepted = acceptor.finish().unwrap();
    for (established, send, receive) in [
        (dialed, "dialer_to_acceptor", "acceptor_to_dialer"),
        (accepted, "acceptor_to_dialer", "dialer_to_acceptor"),
    ] {
        assert_eq!(established.send_key.expose(), &key(&v, send));
        assert_eq!(established.receive_key.expose(), &key(&v, receive));
        assert_eq!(established.hash, key(&v, "hash"));
    }
}

#[test]
fn a_published_vector_holds_for_our_primitives() {
    let file = include_str!("../../../tests/vectors/noise_xxpsk3.json");
    let v: Value = serde_json::from_str(file).unwrap();
    let (prologue, psk) = (field(&v, "init_prologue"), hex(v["init_psks"][0].as_str().unwrap()));
    let builder = |ephemeral, name| {
        let pattern = v["protocol_name"].as_str().unwrap().parse().unwrap();
        let resolver = Resolver { ephemeral: Zeroizing::new(key(&v, ephemeral)) };
        let builder = Builder::with_resolver(pattern, Box::new(resolver));
        let builder = builder.prologue(&prologue).unwrap();
        let builder = builder.psk(3, psk[..].try_into().unwrap()).unwrap();
        let node_key = key(&v, name);
        (builder, node_key)
    };
    let (initiator, initiator_key) = builder("init_ephemeral", "init_static");
    let (responder, responder_key) = builder("resp_ephemeral", "resp_static");
    let initiator = initiator.local_private_key(&initiator_key).unwrap();
    let responder = responder.local_private_key(&responder_key).unwrap();
    let mut writer = initiator.build_initiator().unwrap();
    let mut reader = responder.build_responder().unwrap();
    for message in v["messages"].as_array().unwrap() {
        let (mut sent, mut payload) = ([0; 1024], [0; 1024]);
        let length = writer.write_message(&field(message, "payload"), &mut sent).unwrap();
        assert_eq!(sent[..length], field(message, "ciphertext"));
        let length = reader.read_message(&sent[..length], &mut payload).unwrap();
        assert_eq!(payload[..length], field(message, "payload"));
        std::mem::swap(&mut writer, &mut reader);
    }
    assert!(writer.is_handshake_finished() && reader.is_handshake_finished());
    assert_eq!(writer.get_handshake_hash(), field(&v, "handshake_hash"));
}
