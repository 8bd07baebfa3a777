use meshwork_schema::WorkerName;
use proptest::prelude::*;

use super::*;
use crate::identity::{AuthorityHash, AuthorityKey, NodeKey};
use crate::ids::MeshId;
use crate::random::Random;

fn random() -> Random {
    Random::seeded(11)
}

fn worker(name: &str) -> WorkerName {
    name.parse().unwrap()
}

fn join_key() -> JoinKey {
    MeshSecret::generate(&random()).join_key(&worker("thumbnailer"), AuthorityHash([9; 32]))
}

/// The ring of a process that has `current` as secret and `previous` as the other one.
fn ring(current: &MeshSecret, previous: Option<&MeshSecret>) -> PskRing {
    let psk = |secret: &MeshSecret| secret.psk(LinkKind::Control);
    PskRing::new(psk(current), previous.map(psk))
}

fn reaches(dialer: &PskRing, acceptor: &PskRing) -> bool {
    acceptor.find(&dialer.dial().id).is_some_and(|psk| psk.key == dialer.dial().key)
}

#[test]
fn row_17_a_rotated_secret_works_at_every_step() {
    let old = MeshSecret::generate(&random());
    let new = old.generate_rotated(&Random::seeded(12));
    assert_eq!(old.mesh_id(), new.mesh_id());
    assert_ne!(old, new);
    let steps = [
        ring(&old, None),
        ring(&old, Some(&new)), // added
        ring(&new, Some(&old)), // swapped
        ring(&new, None),       // removed
    ];
    for pair in steps.windows(2) {
        // The processes of a mesh are reloaded one after the other.
        assert!(reaches(&pair[0], &pair[1]) && reaches(&pair[1], &pair[0]));
    }
    assert!(!reaches(&steps[0], &steps[3]) && !reaches(&steps[3], &steps[0]));
    assert_eq!(steps[1].iter().count(), 2);
}

#[test]
fn row_46_a_weak_or_short_secret_is_refused_and_the_command_named() {
    let text = MeshSecret::generate(&random()).expose_text();
    let weak =
        ["", " ", "secret", "correct horse battery staple", "mesh1_", "mesh1__0000", "mesh2_AAAA"];
    let short = encode(TextKind::MeshSecret, &[7; 47]);
    let long = encode(TextKind::MeshSecret, &[7; 49]);
    let damaged = [&text[..text.len() - 1], &text[..30], &text[1..], &text.to_uppercase()];
    let own = weak.into_iter().chain(damaged).chain([short.as_str(), long.as_str()]);
    for text in own {
        let message = MeshSecret::parse(text).unwrap_err().to_string();
        assert!(message.contains("`meshwork keygen`"), "{message}");
        if text.len() > 7 {
            assert!(!message.contains(text), "the message repeats what it was given");
        }
    }
    let message = JoinKey::parse("a passphrase").unwrap_err().to_string();
    assert!(message.contains("`meshwork keygen join WORKER`"), "{message}");
}

#[test]
fn a_key_of_another_kind_is_named() {
    let wrong = MeshSecret::parse(&join_key().expose_text()).unwrap_err();
    let (expected, found) = (TextKind::MeshSecret, TextKind::JoinKey);
    assert_eq!(wrong, SecretError::WrongKind { expected, found });
    assert!(wrong.to_string().contains("this is a join key"));
}

#[test]
fn texts_read_back_and_blanks_around_them_are_ignored() {
    let secret = MeshSecret::generate(&random());
    let text = secret.expose_text();
    assert_eq!(text.len(), 6 + 64 + 1 + 4);
    assert_eq!(MeshSecret::parse(&format!("  {}\r\n", text.as_str())).unwrap(), secret);
    let key = join_key();
    assert_eq!(JoinKey::parse(&key.expose_text()).unwrap(), key);
}

#[test]
fn every_changed_character_of_a_text_is_noticed() {
    let text = MeshSecret::generate(&random()).expose_text();
    for at in 0..text.len() {
        let mut changed = text.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(MeshSecret::parse(&changed).is_err(), "{at}");
        assert!(MeshSecret::parse(&text[..at]).is_err(), "{at}");
    }
}

#[test]
fn keys_of_other_kinds_meshes_names_and_epochs_differ() {
    let (secret, authority) =
        (MeshSecret::generate(&random()), AuthorityKey::generate(&Random::seeded(5)));
    let hash = authority.public().hash();
    let [first, second] = [authority.link_secret(1), authority.link_secret(2)];
    let psks = [
        secret.psk(LinkKind::Control),
        secret.psk(LinkKind::Data),
        MeshSecret::generate(&Random::seeded(12)).psk(LinkKind::Control),
        secret.generate_rotated(&Random::seeded(13)).psk(LinkKind::Control),
        secret.join_key(&worker("a"), hash).psk(),
        secret.join_key(&worker("b"), hash).psk(),
        first.psk(&secret.mesh_id()),
        first.psk(&MeshId([0; 16])),
        second.psk(&secret.mesh_id()),
    ];
    for (at, one) in psks.iter().enumerate() {
        for other in &psks[..at] {
            assert_ne!(one.id, other.id);
            assert_ne!(one.key, other.key);
        }
    }
    let again = secret.join_key(&worker("a"), AuthorityHash([0; 32])).psk();
    assert_eq!(again.id, psks[4].id, "the master need not know which authority was named");
}

#[test]
fn a_ring_finds_only_its_own() {
    let [one, two] = [1, 2].map(|seed| MeshSecret::generate(&Random::seeded(seed)));
    let alone = ring(&one, None);
    assert!(alone.find(&two.psk(LinkKind::Control).id).is_none());
    assert!(alone.find(&one.psk(LinkKind::Data).id).is_none());
    let both = ring(&one, Some(&two));
    for secret in [&one, &two] {
        let psk = secret.psk(LinkKind::Control);
        assert_eq!(both.find(&psk.id).unwrap().key, psk.key);
    }
}

/// The ways in which bytes are usually printed.
fn spellings(bytes: &[u8]) -> [String; 5] {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{bytes:?}");
    let list = list.trim_matches(['[', ']']).to_string();
    let upper = hex.to_uppercase();
    [hex, upper, list, STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)]
}

#[test]
fn row_50_nothing_that_holds_a_secret_prints_it() {
    let raw: [u8; 32] = random().bytes();
    let payload = [[1; 16].as_slice(), &raw].concat();
    let secret = MeshSecret::parse(&encode(TextKind::MeshSecret, &payload)).unwrap();
    let key = secret.join_key(&worker("thumbnailer"), AuthorityHash([9; 32]));
    let join_raw = decode(TextKind::JoinKey, &key.expose_text()).unwrap()[48..80].to_vec();
    let (link, psk) = (LinkSecret::from_bytes(raw), secret.psk(LinkKind::Control));
    let psk_key = psk.key.to_vec();
    let root = QueueRoot::parse(&encode(TextKind::QueueRoot, &[[0; 8].as_slice(), &raw].concat()));
    let root = root.unwrap();
    let (callee, pair) = (CalleeKey::from_bytes(raw), PairKey::from_bytes(raw));
    let printed = [
        (format!("{secret:?} {secret:#?}"), raw.to_vec()),
        (format!("{key:?} {key:#?}"), join_raw),
        (format!("{link:?} {link:#?}"), raw.to_vec()),
        (format!("{psk:?} {psk:#?} {}", psk.id), psk_key.clone()),
        (format!("{:?}", PskRing::new(psk.clone(), Some(psk.clone()))), psk_key),
        (format!("{:?} {:#?}", NodeKey::from_bytes(raw), NodeKey::from_bytes(raw)), raw.to_vec()),
        (format!("{:?}", AuthorityKey::from_bytes(raw)), raw.to_vec()),
        (format!("{root:?} {callee:?} {pair:?}"), raw.to_vec()),
    ];
    for (text, hidden) in printed {
        for part in hidden.chunks(8) {
            for spelling in spellings(part) {
                assert!(!text.contains(&spelling), "{text} shows {spelling}");
            }
        }
        assert!(!text.contains(&*secret.expose_text()) && !text.contains(&*key.expose_text()));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = MeshSecret::parse(&text);
        let _ = JoinKey::parse(&text);
        for prefix in ["mesh1_", "join1_", "authority1_"] {
            let _ = MeshSecret::parse(&format!("{prefix}{text}"));
            let _ = JoinKey::parse(&format!("{prefix}{text}"));
            let _ = format!("{prefix}{text}").parse::<crate::identity::AuthorityPublic>();
        }
    }

    #[test]
    fn any_payload_is_read_or_refused(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = encode(TextKind::JoinKey, &payload);
        let read = decode(TextKind::JoinKey, &text).unwrap();
        prop_assert_eq!(read.as_slice(), payload.as_slice());
        if let Ok(key) = JoinKey::parse(&text) {
            prop_assert_eq!(key.expose_text(), text);
        }
    }
}
