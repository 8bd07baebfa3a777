//! The hostile cases that concern tickets, one test each.

use ed25519_dalek::{Signature, Verifier, VerifyingKey};

use super::*;
use crate::identity::AuthorityPublic;
use crate::identity::tests::LOW_ORDER;

#[test]
fn row_18_tickets_count_in_their_time_and_clocks_may_differ_by_30_seconds() {
    let (policy, signed) = (policy(), sign(claims()));
    let Validity { not_before, not_after } = claims().validity;
    for now in [not_before - 30, not_before - 29, not_before, NOW, not_after, not_after + 30] {
        assert!(check_at(&policy, signed.as_bytes(), now).is_ok(), "{now}");
    }
    let early = check_at(&policy, signed.as_bytes(), not_before - 31).unwrap_err();
    assert_eq!(early, TicketError::NotYetValid { now: not_before - 31, not_before });
    let late = check_at(&policy, signed.as_bytes(), not_after + 31).unwrap_err();
    assert_eq!(late, TicketError::Expired { now: not_after + 31, not_after });
    for (error, ours, theirs) in
        [(early, not_before - 31, not_before), (late, not_after + 31, not_after)]
    {
        let message = error.to_string();
        for part in [ours.to_string(), theirs.to_string(), "31 s apart".to_string()] {
            assert!(message.contains(&part), "{message} lacks {part}");
        }
    }
    for now in [0, u64::MAX] {
        assert!(check_at(&policy, signed.as_bytes(), now).is_err());
    }
    let validity = Validity { not_before: 0, not_after: u64::MAX };
    let forever = sign(Claims { validity, ..claims() });
    assert!(check_at(&policy, forever.as_bytes(), u64::MAX).is_ok());
}

#[test]
fn row_19_a_ticket_for_another_key_is_refused() {
    let signed = sign(claims());
    let thief = NodeKey::generate(&Random::seeded(77)).node_id();
    let refused = policy().check(signed.as_bytes(), &thief, Role::Worker, NOW);
    assert_eq!(refused, Err(TicketError::Subject));
    for bit in 0..256 {
        let mut near = node().0;
        near[bit / 8] ^= 1 << (bit % 8);
        let refused = policy().check(signed.as_bytes(), &NodeId(near), Role::Worker, NOW);
        assert_eq!(refused, Err(TicketError::Subject));
    }
}

#[test]
fn row_20_every_flipped_bit_is_refused() {
    let signed = sign(claims());
    for bit in 0..signed.as_bytes().len() * 8 {
        let mut bytes = signed.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = check(&bytes).expect_err("a flipped bit passed");
        match bit / 8 {
            4..12 => assert!(matches!(error, TicketError::UnknownAuthority(_)), "bit {bit}"),
            _ => assert_eq!(error, TicketError::Signature, "bit {bit}"),
        }
    }
}

#[test]
fn row_20_every_truncation_and_extension_is_refused() {
    let signed = sign(claims());
    for length in 0..signed.as_bytes().len() {
        assert!(check(&signed.as_bytes()[..length]).is_err(), "{length}");
    }
    for extra in 1..300 {
        let longer = [signed.as_bytes(), &vec![0; extra]].concat();
        assert!(check(&longer).is_err(), "{extra}");
    }
}

#[test]
fn row_20_a_forged_signature_is_refused() {
    let forger = AuthorityKey::generate(&Random::seeded(13));
    let forged = [body(), forger.sign(b"mesh/ticket/v1\0", &body()).to_vec()].concat();
    assert_eq!(check(&forged), Err(TicketError::Signature));
    let other_purpose = [body(), authority().sign(b"mesh/schema/v1\0", &body()).to_vec()].concat();
    assert_eq!(check(&other_purpose), Err(TicketError::Signature));
    assert_eq!(check(&[body(), vec![0; 64]].concat()), Err(TicketError::Signature));
}

#[test]
fn row_20_a_signature_with_a_second_spelling_is_refused() {
    let mut bytes = sign(claims()).as_bytes().to_vec();
    let scalar = bytes.len() - 32;
    // s + order: the same number to whoever reduces it.
    let mut carry = 0u16;
    for (byte, order) in bytes[scalar..].iter_mut().zip(BASEPOINT_ORDER_BYTES) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(check(&bytes), Err(TicketError::Signature));
}

/// Order of the base point, 2^252 + 27742317777372353535851937790883648493, little-endian.
const BASEPOINT_ORDER_BYTES: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn row_20_a_signature_under_a_key_of_small_order_is_refused() {
    // The neutral point as key, the neutral point and zero as signature: valid for every message to
    // a lenient check, which makes it a master key for whoever gets the public key accepted.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let weak = VerifyingKey::from_bytes(&neutral).unwrap();
    let mut signature = [0; 64];
    signature[0] = 1;
    let lenient = weak.verify(b"anything", &Signature::from_bytes(&signature));
    assert!(lenient.is_ok(), "the attack is real");
    assert!(AuthorityPublic::from_bytes(&neutral).is_err());
    let public = AuthorityPublic::of_key(weak);
    assert!(!public.verify(b"any", b"thing", &signature));
}

#[test]
fn row_12_the_master_signs_no_low_order_point() {
    for point in LOW_ORDER {
        let refused = Ticket::sign(Claims { subject: NodeId(point), ..claims() }, &authority());
        assert_eq!(refused, Err(SignError::UnsoundSubject(NodeId(point))));
    }
}

#[test]
fn row_21_another_authority_or_mesh_is_refused() {
    let other = AuthorityKey::generate(&Random::seeded(31));
    let signed = Ticket::sign(claims(), &other).unwrap();
    assert_eq!(check(signed.as_bytes()), Err(TicketError::UnknownAuthority(other.id())));
    // The name of the known one on it makes it no better.
    let mut renamed = signed.as_bytes().to_vec();
    renamed[4..12].copy_from_slice(&authority().id().0);
    assert_eq!(check(&renamed), Err(TicketError::Signature));
    let found = MeshId([8; 16]);
    let signed = sign(Claims { mesh: found, ..claims() });
    assert_eq!(check(signed.as_bytes()), Err(TicketError::Mesh { found }));
}

#[test]
fn row_24_a_revoked_serial_is_refused() {
    let (mut policy, signed) = (policy(), sign(claims()));
    policy.revoke(41, u64::MAX).unwrap();
    assert!(check_at(&policy, signed.as_bytes(), NOW).is_ok());
    policy.revoke(42, u64::MAX).unwrap();
    let refused = check_at(&policy, signed.as_bytes(), NOW);
    assert_eq!(refused, Err(TicketError::Revoked { serial: 42 }));
}

#[test]
fn row_28_a_workers_ticket_does_not_make_a_master() {
    let signed = sign(claims());
    let (expected, found) = (Role::Master, Role::Worker);
    let refused = policy().check(signed.as_bytes(), &node(), Role::Master, NOW);
    assert_eq!(refused, Err(TicketError::Role { expected, found }));
}

#[test]
fn row_30_a_stale_ticket_of_the_same_variant_is_refused() {
    let mut policy = policy();
    let old = sign(claims());
    let highest = Incarnation(11);
    let new = sign(Claims { incarnation: highest, serial: 43, ..claims() });
    let seen = check_at(&policy, new.as_bytes(), NOW).unwrap();
    assert!(check_at(&policy, old.as_bytes(), NOW).is_ok(), "a check alone leaves no trace");
    policy.observe(&seen);
    let found = Incarnation(10);
    let refused = check_at(&policy, old.as_bytes(), NOW);
    assert_eq!(refused, Err(TicketError::Incarnation { found, highest }));
    assert!(check_at(&policy, new.as_bytes(), NOW).is_ok(), "the same one may dial again");
    let neighbour = sign(Claims { bearer: bearer("thumbnailer", "pod-4"), ..claims() });
    assert!(check_at(&policy, neighbour.as_bytes(), NOW).is_ok());
}
