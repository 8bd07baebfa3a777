use proptest::prelude::*;

use super::*;
use crate::random::Random;

const MESH: MeshId = MeshId([3; 16]);
const PRINT: Fingerprint = Fingerprint([4; 32]);

fn authority() -> AuthorityKey {
    AuthorityKey::generate(&Random::seeded(1))
}

fn sign(json: &[u8]) -> SignedSchema {
    SignedSchema::sign(9, json, PRINT, &MESH, &authority()).unwrap()
}

fn verify(bytes: &[u8]) -> Result<VerifiedSchema<'_>, SignedSchemaError> {
    SignedSchema::verify(bytes, &authority().public(), &MESH)
}

#[test]
fn a_signed_schema_reads_back() {
    let signed = sign(b"{}");
    let read = verify(signed.as_bytes()).unwrap();
    assert_eq!((read.number, read.fingerprint, read.json), (9, PRINT, &b"{}"[..]));
    assert_eq!(SignedSchema::from_bytes(signed.as_bytes().clone()), Ok(signed));
}

#[test]
fn row_28_every_flipped_bit_and_cut_of_a_schema_is_refused() {
    let signed = sign(b"{\"a\":1}");
    for bit in 0..signed.as_bytes().len() * 8 {
        let mut bytes = signed.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&bytes).is_err(), "bit {bit}");
    }
    for length in 0..signed.as_bytes().len() {
        assert!(verify(&signed.as_bytes()[..length]).is_err(), "{length}");
    }
    assert!(verify(&[signed.as_bytes(), &[0][..]].concat()).is_err());
}

#[test]
fn row_28_a_schema_of_another_authority_mesh_or_purpose_is_refused() {
    let signed = sign(b"{}");
    let other = AuthorityKey::generate(&Random::seeded(2));
    let refused = SignedSchema::verify(signed.as_bytes(), &other.public(), &MESH);
    assert_eq!(refused, Err(SignedSchemaError::UnknownAuthority(authority().id())));
    let refused = SignedSchema::verify(signed.as_bytes(), &authority().public(), &MeshId([0; 16]));
    assert_eq!(refused, Err(SignedSchemaError::Mesh(MESH)));
    let body = &signed.as_bytes()[..signed.as_bytes().len() - SIGNATURE];
    let as_ticket = [body, &authority().sign(b"mesh/ticket/v1\0", body)].concat();
    assert_eq!(verify(&as_ticket), Err(SignedSchemaError::Signature));
}

#[test]
fn row_44_the_largest_schema_passes_and_one_byte_more_is_refused() {
    let signed = sign(&vec![b' '; SCHEMA_BYTES_MAX]);
    assert_eq!(verify(signed.as_bytes()).unwrap().json.len(), SCHEMA_BYTES_MAX);
    let json = vec![b' '; SCHEMA_BYTES_MAX + 1];
    let bytes = json.len();
    let refused = SignedSchema::sign(1, &json, PRINT, &MESH, &authority());
    assert_eq!(refused, Err(SignedSchemaError::TooLarge { bytes }));
    let long = vec![0; SIGNED_SCHEMA_BYTES_MAX + 1];
    assert!(matches!(verify(&long), Err(SignedSchemaError::TooLarge { .. })));
    assert!(SignedSchema::from_bytes(long.into()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verify(&bytes).is_err());
        let with_magic = [&MAGIC[..], &authority().id().0, &bytes].concat();
        prop_assert!(verify(&with_magic).is_err());
    }
}
