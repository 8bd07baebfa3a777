use std::net::SocketAddr;
use std::sync::Arc;

use meshwork_schema::{CommandName, Fingerprint};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ids::{Incarnation, NodeId};

const NAMES: [&str; 18] = [
    "join",
    "leave",
    "ready",
    "draining",
    "renew",
    "resync",
    "view",
    "delta",
    "schema",
    "ticket",
    "revoke",
    "link_secret",
    "queue_keys",
    "",
    "welcome",
    "__proto__",
    "JOIN",
    "link_secrets",
];

/// Whatever is decoded is encoded to something that decodes to the same.
fn decode_all(body: &[u8]) {
    for name in NAMES {
        if let Ok(message) = ToMaster::decode(name, body) {
            assert_eq!(ToMaster::decode(name, &message.encode()).as_ref(), Ok(&message));
        }
        if let Ok(message) = ToWorker::decode(name, body) {
            assert_eq!(ToWorker::decode(name, &message.encode()).as_ref(), Ok(&message));
        }
    }
    if let Ok(reply) = JoinReply::decode(body) {
        assert_eq!(JoinReply::decode(&reply.encode()).as_ref(), Ok(&reply));
    }
}

fn member() -> impl Strategy<Value = Member> {
    let names = ("[a-z]{1,9}", "[a-z0-9][a-z0-9.-]{0,9}", vec("[a-z]{1,6}", 0..4));
    let status = prop_oneof![
        Just(Status::Joining),
        Just(Status::Ready),
        Just(Status::Draining),
        Just(Status::Lost)
    ];
    (names, any::<(u64, [u8; 32], u64)>(), vec(any::<SocketAddr>(), 0..8), status).prop_map(
        |((worker, variant, commands), (incarnation, node, schema), addresses, status)| Member {
            key: MemberKey { worker: worker.parse().unwrap(), variant: variant.parse().unwrap() },
            incarnation: Incarnation(incarnation),
            node: NodeId(node),
            addresses: addresses.into_iter().map(without_scope).collect(),
            schema,
            commands: commands.iter().map(|name| name.parse().unwrap()).collect(),
            status,
        },
    )
}

/// JSON has an address as text, which leaves out the flow label of IPv6.
fn without_scope(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

fn removal() -> impl Strategy<Value = Removal> {
    let reason = prop_oneof![
        Just(RemovalReason::Left),
        Just(RemovalReason::Replaced),
        Just(RemovalReason::Revoked),
        Just(RemovalReason::NoLongerAllowed),
        Just(RemovalReason::Expired),
    ];
    (member(), reason).prop_map(|(member, reason)| Removal {
        key: member.key,
        incarnation: member.incarnation,
        reason,
    })
}

fn view() -> impl Strategy<Value = View> {
    let lists = (vec(member(), 0..6), vec(removal(), 0..4));
    (any::<(u64, u64, bool)>(), lists).prop_map(|((epoch, number, settled), (members, removed))| {
        let members = members.into_iter().map(Arc::new).collect();
        View { epoch, number, settled, more: false, members, removed }
    })
}

fn join() -> impl Strategy<Value = Join> {
    let schema = proptest::option::of(any::<(u64, [u8; 32])>());
    let ticket = proptest::option::of(vec(any::<u8>(), 0..limits::TICKET_BYTES_MAX));
    (member(), any::<u64>(), ticket, schema).prop_map(|(member, process, ticket, schema)| Join {
        worker: member.key.worker,
        variant: member.key.variant,
        process: ProcessId(process),
        addresses: member.addresses,
        commands: member.commands,
        status: member.status,
        witness: ticket.clone().map(Binary::from),
        ticket: ticket.map(Binary::from),
        schema: schema.map(|(number, fingerprint)| KnownSchema {
            number,
            fingerprint: Fingerprint(fingerprint),
            signature: Some(vec![9; 64].into()),
        }),
    })
}

fn secrets() -> impl Strategy<Value = LinkSecrets> {
    vec(any::<(u64, u64, [u8; 32])>(), 0..limits::LINK_SECRETS_MAX).prop_map(|secrets| {
        let secret = |(epoch, from_unix_s, secret)| EpochSecret {
            epoch,
            from_unix_s,
            secret: SecretBinary::new(secret),
        };
        LinkSecrets { secrets: secrets.into_iter().map(secret).collect() }
    })
}

fn queue_keys() -> impl Strategy<Value = QueueKeys> {
    let grants = vec(("[a-z]{1,9}", vec(("[a-z]{1,9}", any::<[u8; 32]>()), 0..4)), 0..4);
    let own = proptest::option::of(any::<[u8; 32]>());
    (vec(any::<u64>(), 0..limits::QUEUE_ROOTS_MAX), any::<u64>(), own, grants).prop_map(
        |(kept, epoch, own, callees)| {
            let command = |(command, key): (String, _)| CommandGrant {
                command: name(&command),
                key: SecretBinary::new(key),
            };
            let callee = |(worker, commands): (String, Vec<_>)| CalleeGrants {
                worker: worker.parse().unwrap(),
                commands: commands.into_iter().map(command).collect(),
            };
            let callees = callees.into_iter().map(callee).collect();
            QueueKeys { kept, epoch, own: own.map(SecretBinary::new), callees }
        },
    )
}

fn welcome() -> impl Strategy<Value = Welcome> {
    let news = prop_oneof![
        any::<(u64, [u8; 32])>().prop_map(|(number, fingerprint)| SchemaNews::Unchanged {
            number,
            fingerprint: Fingerprint(fingerprint)
        }),
        vec(any::<u8>(), 0..200).prop_map(|bytes| SchemaNews::Signed(bytes.into())),
    ];
    let secrets = (secrets(), proptest::option::of(queue_keys()));
    (any::<(u64, u64)>(), vec(any::<u8>(), 0..300), news, secrets, view()).prop_map(
        |((incarnation, lease_ms), ticket, schema, (link_secrets, queue_keys), view)| Welcome {
            incarnation: Incarnation(incarnation),
            ticket: ticket.into(),
            lease_ms,
            schema,
            link_secrets,
            queue_keys: queue_keys.map(Box::new),
            revoked: Revoke { tickets: vec![Revocation { serial: 7, until_unix_s: lease_ms }] },
            view,
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_never_panic(body in vec(any::<u8>(), 0..300)) {
        decode_all(&body);
    }

    #[test]
    fn a_damaged_message_never_panics(
        view in view(), at in any::<prop::sample::Index>(), byte: u8
    ) {
        let mut body = view.encode().to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        decode_all(&body);
        decode_all(&body[..at]);
    }

    #[test]
    fn a_view_reads_back(view in view()) {
        prop_assert_eq!(View::decode(&view.encode()).unwrap(), view);
    }

    #[test]
    fn a_delta_reads_back(
        epoch: u64, from: u64, to: u64, members in vec(member(), 0..4), gone in vec(removal(), 0..4)
    ) {
        let upserts = members.into_iter().map(|member| Change::Upsert(member.into()));
        let changes = upserts.chain(gone.into_iter().map(Change::Remove)).collect();
        let delta = Delta { epoch, from, to, changes };
        prop_assert_eq!(Delta::decode(&delta.encode()).unwrap(), delta);
    }

    #[test]
    fn a_join_reads_back(join in join()) {
        prop_assert_eq!(Join::decode(&join.encode()).unwrap(), join);
    }

    #[test]
    fn a_welcome_reads_back(welcome in welcome()) {
        let reply = JoinReply::Welcome(Box::new(welcome));
        prop_assert_eq!(JoinReply::decode(&reply.encode()).unwrap(), reply);
    }

    #[test]
    fn queue_keys_read_back(keys in queue_keys()) {
        prop_assert_eq!(QueueKeys::decode(&keys.encode()).unwrap(), keys);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_large_view_reads_back_from_its_pages(view in view(), copies in 1..40_usize) {
        let mut long = view.clone();
        for mut member in view.members.iter().map(|member| Member::clone(member)) {
            let many = 0..limits::COMMANDS_MAX / 8;
            member.commands = many.map(|n| name(&format!("command-number-{n}"))).collect();
            long.members.extend(std::iter::repeat_n(Arc::new(member), copies));
        }
        let pages = long.clone().into_pages();
        let mut assembly = Pages::default();
        let mut whole = None;
        for page in pages {
            prop_assert!(whole.is_none());
            prop_assert!(page.encode().len() <= 2 * limits::PAGE_BYTES);
            whole = assembly.push(page);
        }
        prop_assert_eq!(whole.unwrap(), long);
    }
}

fn name(text: &str) -> CommandName {
    text.parse().unwrap()
}

fn malformed<T: Message + std::fmt::Debug>(body: &str) {
    let error = T::decode(body.as_bytes()).unwrap_err();
    assert!(matches!(error, MessageError::Malformed { .. }), "{error:?} for {body}");
}

#[test]
fn lists_over_their_bound_are_refused() {
    let tickets = |count| {
        let tickets = vec![Revocation { serial: 1, until_unix_s: 1 }; count];
        Revoke { tickets }.encode()
    };
    assert!(Revoke::decode(&tickets(limits::REVOCATIONS_MAX)).is_ok());
    assert!(Revoke::decode(&tickets(limits::REVOCATIONS_MAX + 1)).is_err());

    let ticket = |bytes: usize| TicketUpdate { ticket: vec![7; bytes].into() }.encode();
    assert!(TicketUpdate::decode(&ticket(limits::TICKET_BYTES_MAX)).is_ok());
    assert!(TicketUpdate::decode(&ticket(limits::TICKET_BYTES_MAX + 1)).is_err());

    let keys = |roots: usize| {
        let kept = (1..=roots as u64).collect();
        QueueKeys { kept, epoch: 1, own: None, callees: Vec::new() }.encode()
    };
    assert!(QueueKeys::decode(&keys(limits::QUEUE_ROOTS_MAX)).is_ok());
    assert!(QueueKeys::decode(&keys(limits::QUEUE_ROOTS_MAX + 1)).is_err());

    let reason = "x".repeat(limits::TEXT_BYTES_MAX + 1);
    malformed::<JoinReply>(&format!(r#"{{"refused":{{"invalid":{{"reason":"{reason}"}}}}}}"#));
}

#[test]
fn a_body_over_its_bound_is_not_read() {
    let long = vec![b' '; limits::TO_MASTER_BYTES_MAX + 1];
    let expected = MessageError::TooLong { name: "join", limit: limits::TO_MASTER_BYTES_MAX };
    assert_eq!(Join::decode(&long), Err(expected));
}

#[test]
fn depth_bombs_and_odd_numbers_are_refused() {
    malformed::<View>(&"[".repeat(200_000));
    malformed::<View>(&format!(r#"{{"epoch":{}"#, "{\"a\":".repeat(100_000)));
    malformed::<Revoke>(r#"{"tickets":[{"serial":1e999,"until_unix_s":1}]}"#);
    malformed::<Revoke>(r#"{"tickets":[{"serial":18446744073709551616,"until_unix_s":1}]}"#);
    malformed::<Revoke>(r#"{"tickets":[{"serial":1,"serial":2,"until_unix_s":1}]}"#);
}

#[test]
fn names_that_the_schema_forbids_are_refused() {
    for worker in ["", "_mesh", "a/b", "../x", "a\\u0000", "anyNode\\n", &"a".repeat(65)] {
        let body = format!(
            r#"{{"worker":"{worker}","variant":"v","process":1,"addresses":[],"commands":[],
               "status":"joining","ticket":null,"witness":null,"schema":null}}"#
        );
        malformed::<Join>(&body);
    }
}

#[test]
fn a_message_of_the_other_direction_is_unknown() {
    assert_eq!(ToMaster::decode("view", b"{}"), Err(MessageError::Unknown));
    assert_eq!(ToWorker::decode("join", b"{}"), Err(MessageError::Unknown));
}

#[test]
fn secrets_are_not_printed() {
    let secret = EpochSecret { epoch: 1, from_unix_s: 2, secret: SecretBinary::new([0xab; 32]) };
    let printed = format!("{secret:?} {:?}", LinkSecrets { secrets: vec![secret.clone()] });
    let encoded = serde_json::to_string(&secret.secret).unwrap();
    assert!(!printed.contains(encoded.trim_matches('"')));
    let key = SecretBinary::new([0xab; 32]);
    let commands = vec![CommandGrant { command: name("resize"), key: key.clone() }];
    let callees = vec![CalleeGrants { worker: "thumbnailer".parse().unwrap(), commands }];
    let keys = QueueKeys { kept: vec![1], epoch: 1, own: Some(key), callees };
    let printed = printed + &format!("{keys:?}");
    assert!(!printed.contains(encoded.trim_matches('"')));
    assert!(!printed.contains("171") && !printed.to_lowercase().contains("ab, "));
}

#[test]
fn an_error_does_not_repeat_what_it_read() {
    let body = br#"{"secrets":[{"epoch":1,"from_unix_s":1,"secret":"c2VjcmV0!"}]}"#;
    let error = LinkSecrets::decode(body).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("c2VjcmV0"));
}

#[test]
fn links_are_dialled_with_the_newest_epoch_that_has_started() {
    let secret = |epoch| EpochSecret {
        epoch,
        from_unix_s: epoch * 100,
        secret: SecretBinary::new([epoch as u8; 32]),
    };
    let secrets = LinkSecrets { secrets: vec![secret(4), secret(5)] };
    let epoch_at = |unix_s| secrets.to_dial(unix_s).unwrap().epoch;
    assert_eq!([epoch_at(0), epoch_at(450), epoch_at(500), epoch_at(9999)], [4, 4, 5, 5]);
    assert_eq!(LinkSecrets::default().to_dial(1), None);
}

#[test]
fn only_the_masters_opinion_leaves_links_open() {
    use RemovalReason::{Expired, Left, NoLongerAllowed, Replaced, Revoked};
    let closing = [Left, Replaced, Revoked, NoLongerAllowed, Expired].map(|r| r.closes_link());
    assert_eq!(closing, [true, true, true, true, false]);
}

#[test]
fn a_page_of_another_view_starts_anew() {
    let page = |number, more| View {
        epoch: 1,
        number,
        settled: true,
        more,
        members: Vec::new(),
        removed: Vec::new(),
    };
    let mut pages = Pages::default();
    assert_eq!(pages.push(page(1, true)), None);
    assert_eq!(pages.push(page(2, false)), Some(page(2, false)));
    assert_eq!(pages.push(page(1, false)), Some(page(1, false)));
}
