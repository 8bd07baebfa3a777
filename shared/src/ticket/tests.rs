use proptest::prelude::*;

use super::*;
use crate::identity::{AuthorityKey, NodeKey};
use crate::ids::{Incarnation, MeshId, NodeId};
use crate::protocol::limits::REVOCATIONS_MAX;
use crate::random::Random;

mod hostile;

const NOW: u64 = 1_800_000_000;
const MESH: MeshId = MeshId([7; 16]);

fn authority() -> AuthorityKey {
    AuthorityKey::generate(&Random::seeded(1))
}

fn node() -> NodeId {
    NodeKey::generate(&Random::seeded(2)).node_id()
}

fn bearer(worker: &str, variant: &str) -> Bearer {
    Bearer::Worker { worker: worker.parse().unwrap(), variant: variant.parse().unwrap() }
}

fn claims() -> Claims {
    Claims {
        mesh: MESH,
        subject: node(),
        bearer: bearer("thumbnailer", "pod-3"),
        schema_version: 4,
        serial: 42,
        incarnation: Incarnation(10),
        validity: Validity::starting(NOW),
    }
}

fn policy() -> TicketPolicy {
    let mut policy = TicketPolicy::new(MESH);
    policy.trust(authority().public()).unwrap();
    policy
}

fn sign(claims: Claims) -> SignedTicket {
    Ticket::sign(claims, &authority()).unwrap()
}

/// Checks at `now` as the link of the right process would.
fn check_at(policy: &TicketPolicy, ticket: &[u8], now: u64) -> Result<Ticket, TicketError> {
    policy.check(ticket, &node(), Role::Worker, now)
}

fn check(ticket: &[u8]) -> Result<Ticket, TicketError> {
    check_at(&policy(), ticket, NOW)
}

/// `body`, signed by the real authority whatever it says.
fn sign_body(body: &[u8]) -> Vec<u8> {
    [body, &authority().sign(b"mesh/ticket/v1\0", body)].concat()
}

fn body() -> Vec<u8> {
    let signed = sign(claims());
    signed.as_bytes()[..signed.as_bytes().len() - 64].to_vec()
}

#[test]
fn a_good_ticket_passes_and_says_what_was_signed() {
    let ticket = check(sign(claims()).as_bytes()).unwrap();
    assert_eq!(ticket, Ticket { authority: authority().id(), claims: claims() });
}

#[test]
fn a_masters_ticket_has_no_name_and_passes_for_a_master_only() {
    let claims = Claims { bearer: Bearer::Master, incarnation: Incarnation(0), ..claims() };
    let signed = sign(claims.clone());
    let ticket = policy().check(signed.as_bytes(), &node(), Role::Master, NOW).unwrap();
    assert_eq!(ticket.claims, claims);
    let (expected, found) = (Role::Worker, Role::Master);
    assert_eq!(check(signed.as_bytes()), Err(TicketError::Role { expected, found }));
}

#[test]
fn every_malformed_body_is_refused_though_it_is_signed() {
    let good = body();
    // Offsets as in the layout; the worker's name starts at 103, the variant's length stands at
    // 114.
    let cases: [(&str, usize, u8); 7] = [
        ("magic", 0, b'X'),
        ("role", 60, 3),
        ("flags", 61, 1),
        ("worker", 103, b'_'),
        ("variant", 115, b'.'),
        ("variant", 114, 6),
        ("end", 114, 4),
    ];
    for (field, at, value) in cases {
        let mut bytes = good.clone();
        bytes[at] = value;
        assert_eq!(check(&sign_body(&bytes)), Err(TicketError::Malformed(field)), "{at}");
    }
    let mut named_master = good.clone();
    named_master[60] = 2;
    let refused = Err(TicketError::Malformed("name of a master"));
    assert_eq!(check(&sign_body(&named_master)), refused);
    let left_over = [good.as_slice(), b"x"].concat();
    assert_eq!(check(&sign_body(&left_over)), Err(TicketError::Malformed("end")));
    let mut nobody = good[..102].to_vec();
    nobody.extend([0, 0]);
    assert_eq!(check(&sign_body(&nobody)), Err(TicketError::Malformed("worker")));
}

#[test]
fn the_checks_come_in_their_order() {
    // Each step mends the first thing that is wrong and shows the next one.
    let other = AuthorityKey::generate(&Random::seeded(50));
    let late = NOW + 10 * 24 * 60 * 60;
    let mut policy = policy();
    policy.revoke(42, late).unwrap();
    let mut seen =
        check_at(&policy, sign(Claims { serial: 1, ..claims() }).as_bytes(), NOW).unwrap();
    seen.claims.incarnation = Incarnation(11);
    policy.observe(&seen);

    let wrong = Claims { mesh: MeshId([8; 16]), ..claims() };
    let foreign = Ticket::sign(wrong.clone(), &other).unwrap();
    let cause = |bytes: &[u8], remote: &NodeId, role, now| {
        policy.check(bytes, remote, role, now).unwrap_err().cause()
    };
    let (stranger, master) = (NodeId([9; 32]), Role::Master);
    assert_eq!(cause(&foreign.as_bytes()[..167], &stranger, master, late), "ticket_length");
    assert_eq!(cause(foreign.as_bytes(), &stranger, master, late), "ticket_authority");
    let mut bytes = sign(wrong.clone()).as_bytes().to_vec();
    bytes[61] = 1;
    assert_eq!(cause(&bytes, &stranger, master, late), "ticket_signature");
    let malformed = sign_body(&bytes[..bytes.len() - 64]);
    assert_eq!(cause(&malformed, &stranger, master, late), "ticket_malformed");
    let signed = sign(wrong);
    assert_eq!(cause(signed.as_bytes(), &stranger, master, late), "ticket_subject");
    assert_eq!(cause(signed.as_bytes(), &node(), master, late), "ticket_mesh");
    let signed = sign(claims());
    assert_eq!(cause(signed.as_bytes(), &node(), master, late), "ticket_role");
    assert_eq!(cause(signed.as_bytes(), &node(), Role::Worker, late), "ticket_expired");
    assert_eq!(cause(signed.as_bytes(), &node(), Role::Worker, 0), "ticket_not_yet_valid");
    assert_eq!(cause(signed.as_bytes(), &node(), Role::Worker, NOW), "ticket_revoked");
    let signed = sign(Claims { serial: 43, ..claims() });
    assert_eq!(cause(signed.as_bytes(), &node(), Role::Worker, NOW), "ticket_incarnation");
    let signed = sign(Claims { serial: 43, incarnation: Incarnation(11), ..claims() });
    assert!(policy.check(signed.as_bytes(), &node(), Role::Worker, NOW).is_ok());
}

#[test]
fn an_empty_window_is_not_signed() {
    let validity = Validity { not_before: 2, not_after: 1 };
    let refused = Ticket::sign(Claims { validity, ..claims() }, &authority());
    assert_eq!(refused, Err(SignError::EmptyWindow { not_before: 2, not_after: 1 }));
}

#[test]
fn several_authorities_are_trusted_up_to_the_bound() {
    let mut policy = policy();
    let others: Vec<_> =
        (100..108).map(|seed| AuthorityKey::generate(&Random::seeded(seed))).collect();
    for other in &others[..7] {
        policy.trust(other.public()).unwrap();
        policy.trust(other.public()).unwrap();
    }
    assert_eq!(policy.trust(others[7].public()), Err(TooManyAuthorities));
    let signed = Ticket::sign(claims(), &others[6]).unwrap();
    assert!(check_at(&policy, signed.as_bytes(), NOW).is_ok());
    policy.distrust(&others[6].id());
    let refused = Err(TicketError::UnknownAuthority(others[6].id()));
    assert_eq!(check_at(&policy, signed.as_bytes(), NOW), refused);
    assert!(policy.authority(&authority().id()).is_some());
}

#[test]
fn revocations_are_bounded_and_forgotten_with_their_ticket() {
    let mut policy = policy();
    let end = claims().validity.not_after;
    policy.revoke(42, end).unwrap();
    policy.forget_ended(end + SKEW_MAX_S);
    assert!(policy.revocations().contains(42), "as long as its ticket could still pass");
    policy.forget_ended(end + SKEW_MAX_S + 1);
    assert!(!policy.revocations().contains(42));

    let mut full = Revocations::default();
    for serial in 0..REVOCATIONS_MAX as u64 {
        full.revoke(serial, end).unwrap();
    }
    assert_eq!(full.revoke(u64::MAX, end), Err(TooManyRevocations));
    assert_eq!(full.revoke(0, end + 5), Ok(()));
    assert_eq!(full.iter().next(), Some((0, end + 5)));
    policy.set_revocations(full);
    assert!(policy.revocations().contains(0));
}

#[test]
fn incarnations_are_bounded_and_forget_the_oldest() {
    let mut seen = Incarnations::default();
    let worker = "w".parse().unwrap();
    let variant = |number: usize| format!("v{number}").parse().unwrap();
    for number in 0..INCARNATIONS_MAX + 3 {
        seen.observe(&worker, &variant(number), Incarnation(number as u64 + 1));
    }
    assert_eq!(seen.len(), INCARNATIONS_MAX);
    assert_eq!(seen.highest(&worker, &variant(2)), None);
    assert_eq!(seen.highest(&worker, &variant(3)), Some(Incarnation(4)));
    seen.observe(&worker, &variant(3), Incarnation(2));
    assert_eq!(seen.highest(&worker, &variant(3)), Some(Incarnation(4)));
}

#[test]
fn a_ticket_that_is_renewed_at_half_leaves_twelve_hours() {
    let window = Validity::starting(NOW);
    assert!(window.not_after - window.renew_at() >= 12 * 60 * 60);
    assert!(window.renew_at() > NOW + 11 * 60 * 60);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(check(&bytes).is_err());
        let _ = SignedTicket::from_bytes(&bytes);
    }

    #[test]
    fn any_signed_body_is_read_or_refused(
        tail in prop::collection::vec(any::<u8>(), 92..240),
        keep in 12..118_usize,
    ) {
        // Real up to some byte, noise after it: this reaches behind the signature check.
        let real = body();
        let mut noisy = real[..keep].to_vec();
        noisy.extend(tail.iter().skip(keep - 12));
        let signed = sign_body(&noisy);
        if let Ok(ticket) = check(&signed) {
            let again = sign(ticket.claims);
            prop_assert_eq!(again.as_bytes(), signed.as_slice());
        }
    }

    #[test]
    fn one_changed_byte_in_a_signed_body_reads_back_as_it_is(at in 12..120_usize, value: u8) {
        let mut changed = body();
        changed[at] = value;
        let signed = sign_body(&changed);
        let known = |_: &_| Some(authority().public());
        if let Ok(ticket) = Ticket::open(&signed, known) {
            // Only a sound subject is ever signed.
            let again = Ticket::sign(ticket.claims, &authority());
            prop_assert!(again.is_err() || again.unwrap().as_bytes() == signed);
        }
    }
}
