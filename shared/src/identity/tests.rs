use std::path::Path;

use super::*;
use crate::ids::NodeId;
use crate::random::Random;

/// The encodings of all points of small order, the last two of them not canonical.
pub(crate) const LOW_ORDER: [[u8; 32]; 7] = {
    let order_8_a = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ];
    let order_8_b = [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ];
    let mut one = [0; 32];
    one[0] = 1;
    [[0; 32], one, order_8_a, order_8_b, near_prime(0xec), near_prime(0xed), near_prime(0xee)]
};

const fn near_prime(lowest: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = lowest;
    bytes[31] = 0x7f;
    bytes
}

fn random() -> Random {
    Random::seeded(3)
}

#[test]
fn low_order_points_agree_on_nothing() {
    let key = NodeKey::generate(&random());
    for point in LOW_ORDER {
        assert!(key.diffie_hellman(&NodeId(point)).is_none());
        assert!(!is_sound(&NodeId(point)));
        let mut high_bit = point;
        high_bit[31] |= 0x80;
        assert!(!is_sound(&NodeId(high_bit)));
    }
    assert!(is_sound(&key.node_id()));
    let mut second_name = key.node_id().0;
    second_name[31] |= 0x80;
    assert!(!is_sound(&NodeId(second_name)), "one key has one node id");
}

#[test]
fn two_node_keys_agree() {
    let [one, two] = [1, 2].map(|seed| NodeKey::generate(&Random::seeded(seed)));
    assert_eq!(one.diffie_hellman(&two.node_id()), two.diffie_hellman(&one.node_id()));
}

#[test]
fn an_authority_key_of_small_order_or_in_a_second_spelling_is_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    for bytes in [identity, [0; 32], [0xff; 32]] {
        assert_eq!(AuthorityPublic::from_bytes(&bytes), Err(AuthorityPublicError::Point));
    }
}

#[test]
fn what_is_signed_for_one_purpose_counts_for_no_other() {
    let key = AuthorityKey::generate(&random());
    let signature = key.sign(b"one/", b"message");
    assert!(key.public().verify(b"one/", b"message", &signature));
    assert!(!key.public().verify(b"two/", b"message", &signature));
    assert!(!key.public().verify(b"one/", b"messagE", &signature));
}

#[test]
fn a_public_key_reads_back_as_text_and_json() {
    let public = AuthorityKey::generate(&random()).public();
    assert_eq!(public.to_string().parse(), Ok(public));
    let json = serde_json::to_string(&public).unwrap();
    assert_eq!(serde_json::from_str::<AuthorityPublic>(&json).unwrap(), public);
    assert!(serde_json::from_str::<AuthorityPublic>("\"authority1_AAAA_0000\"").is_err());
}

#[test]
fn a_key_file_is_made_once_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.key");
    let made = NodeKey::load_or_create(&path, &random()).unwrap();
    let read = NodeKey::load_or_create(&path, &Random::seeded(99)).unwrap();
    assert_eq!(made.node_id(), read.node_id());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no draft is left behind");
}

#[test]
fn processes_that_start_at_once_use_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.key");
    let ids = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|seed| {
                let path = &path;
                scope.spawn(move || AuthorityKey::load_or_create(path, &Random::seeded(seed)))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap().id()).collect::<Vec<_>>()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_missing_authority_key_is_not_made_by_loading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.key");
    assert!(matches!(AuthorityKey::load(&path), Err(KeyFileError::Missing { .. })));
    assert!(!path.exists());
}

#[test]
fn a_key_file_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    key_file::create(&path, "first", &random()).unwrap();
    let error = key_file::create(&path, "second", &random()).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { source, .. }
        if source.kind() == std::io::ErrorKind::AlreadyExists));
    assert_eq!(key_file::read(&path).unwrap().as_str(), "first");
}

#[test]
fn a_damaged_file_and_a_key_of_another_kind_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    NodeKey::load_or_create(&path, &random()).unwrap();
    let text = key_file::read(&path).unwrap();
    let wrong = AuthorityKey::load_or_create(&path, &random()).unwrap_err();
    assert!(wrong.to_string().contains("this is a node key"), "{wrong}");
    assert!(!wrong.to_string().contains(text.trim()));
    for cut in [0, 1, 20, text.trim().len() - 1] {
        write_private(&path, &text.as_bytes()[..cut]);
        let error = NodeKey::load_or_create(&path, &random()).unwrap_err();
        assert!(matches!(error, KeyFileError::Damaged { .. }), "{cut}: {error}");
    }
    write_private(&path, &[0xff; 60]);
    assert!(matches!(key_file::read(&path), Err(KeyFileError::NotAKeyFile { .. })));
    write_private(&path, &[b'a'; 1025]);
    assert!(matches!(key_file::read(&path), Err(KeyFileError::NotAKeyFile { .. })));
    assert!(matches!(key_file::read(folder.path()), Err(KeyFileError::NotAKeyFile { .. })));
}

fn write_private(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

#[cfg(unix)]
#[test]
fn row_46_a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.key");
    NodeKey::load_or_create(&path, &random()).unwrap();
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    for wide in [0o601, 0o602, 0o604, 0o610, 0o620, 0o660, 0o644, 0o666, 0o777] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(wide)).unwrap();
        let error = NodeKey::load_or_create(&path, &random()).unwrap_err();
        assert!(matches!(error, KeyFileError::Wide { .. }), "{wide:o}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        assert_eq!(mode(), wide, "the file is left as it was");
    }
    for narrow in [0o400, 0o600] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(narrow)).unwrap();
        NodeKey::load_or_create(&path, &random()).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn row_46_only_root_lets_a_group_read_a_key_file() {
    use key_file::is_wide;
    let (root, somebody) = (0, 1000);
    for mode in [0o400, 0o600, 0o440, 0o640] {
        assert!(!is_wide(mode, root), "{mode:o}");
    }
    for mode in [0o610, 0o420, 0o660, 0o444, 0o644, 0o604, 0o602, 0o601] {
        assert!(is_wide(mode, root), "{mode:o}");
    }
    for mode in [0o440, 0o640] {
        assert!(is_wide(mode, somebody), "{mode:o}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_file_as_a_cluster_mounts_it_is_read() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("join.key");
    write_private(&path, b"key");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o440)).unwrap();
    // Its owner is whoever runs the tests.
    let is_roots = std::fs::metadata(&path).unwrap().uid() == 0;
    match key_file::read(&path) {
        Ok(text) => assert!(is_roots && *text == "key"),
        Err(error) => assert!(!is_roots && matches!(error, KeyFileError::Wide { .. }), "{error}"),
    }
}
