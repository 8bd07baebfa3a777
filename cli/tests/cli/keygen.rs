//! `meshwork keygen`, with the real binary; what it makes is read back with the library.

use crate::binary::Folder;
use meshwork_shared::identity::AuthorityPublic;
use meshwork_shared::secret::{JoinKey, MeshSecret};

#[test]
fn a_mesh_secret_on_standard_output_is_all_that_is_there() {
    let ran = Folder::new().run(&["keygen"]).code(0);
    let secret = MeshSecret::parse(&ran.out).unwrap();
    assert_eq!(ran.out, format!("{}\n", *secret.expose_text()));
    assert!(ran.err.contains(&secret.mesh_id().to_string()));
    assert!(!ran.err.contains("mesh1_"), "the secret is printed once");
}

#[test]
fn a_file_is_its_owners_alone_and_never_replaced() {
    let folder = Folder::new();
    let ran = folder.run(&["keygen", "--out", "mesh.secret"]).code(0);
    assert_eq!(ran.out, "");
    let text = std::fs::read_to_string(folder.path("mesh.secret")).unwrap();
    MeshSecret::parse(&text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path("mesh.secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let ran = folder.run(&["keygen", "--out", "mesh.secret"]).code(1);
    assert!(ran.err.contains("is there already"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(folder.path("mesh.secret")).unwrap(), text);
}

#[test]
fn rotation_keeps_the_mesh_and_nothing_else() {
    let folder = Folder::new();
    folder.run(&["keygen", "--out", "old.secret"]).code(0);
    folder.run(&["keygen", "--rotate", "old.secret", "--out", "new.secret"]).code(0);
    let read =
        |name| MeshSecret::parse(&std::fs::read_to_string(folder.path(name)).unwrap()).unwrap();
    let (old, new) = (read("old.secret"), read("new.secret"));
    assert_eq!(old.mesh_id(), new.mesh_id());
    assert_ne!(old, new);
}

#[test]
fn a_join_key_is_the_same_from_either_half_of_the_authority_key() {
    let folder = Folder::new();
    folder.run(&["keygen", "--out", "mesh.secret"]).code(0);
    let public = folder.run(&["keygen", "authority", "--state-dir", "state"]).code(0).out;
    let again = folder.run(&["keygen", "authority", "--state-dir", "state"]).code(0).out;
    assert_eq!(public, again, "a key that is there is kept");
    folder.write("authority.pub", &public);

    let join = ["keygen", "join", "thumbnailer", "--secret-file", "mesh.secret"];
    let of = |source: [&str; 2]| folder.run(&[&join[..], &source].concat()).code(0).out;
    let key = of(["--state-dir", "state"]);
    assert_eq!(key, of(["--authority", public.trim()]));
    assert_eq!(key, of(["--authority-file", "authority.pub"]));

    let key = JoinKey::parse(&key).unwrap();
    assert_eq!(key.worker().as_str(), "thumbnailer");
    let public: AuthorityPublic = public.trim().parse().unwrap();
    assert_eq!(key.authority_hash(), public.hash());
}

#[test]
fn what_is_no_key_is_refused_without_repeating_it() {
    let folder = Folder::new();
    let authority = ["keygen", "authority", "--state-dir", "state"];
    folder.run(&authority).code(0);
    // As an editor would leave it, but readable by its owner only.
    folder.run(&["keygen", "--out", "pass"]).code(0);
    folder.write("pass", "correct horse battery staple");
    let join = ["keygen", "join", "thumbnailer", "--state-dir", "state", "--secret-file", "pass"];
    let ran = folder.run(&join).code(64);
    assert!(ran.err.contains("make one with `meshwork keygen`"), "{}", ran.err);
    assert!(!ran.err.contains("horse"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.run(&["keygen", "--out", "mesh.secret"]).code(0);
    let wide = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.path("mesh.secret"), wide).unwrap();
    let ran = folder.run(&["keygen", "--rotate", "mesh.secret"]).code(66);
    assert!(ran.err.contains("chmod 600"), "{}", ran.err);
}

#[test]
fn a_join_key_before_the_master_has_a_key() {
    let folder = Folder::new();
    folder.run(&["keygen", "--out", "mesh.secret"]).code(0);
    let join = ["keygen", "join", "gateway", "--secret-file", "mesh.secret", "--state-dir", "no"];
    let ran = folder.run(&join).code(66);
    assert!(ran.err.contains("meshwork keygen authority"), "{}", ran.err);
}
