//! What `kubectl kustomize` makes of an overlay. The keys that an overlay needs are stood in for by
//! files without a secret, in a copy of the folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands in for each key.
const KEYS: [&str; 5] =
    ["mesh.secret", "state/authority.key", "thumbnailer.key", "gateway.key", "queue.address"];

/// The folder `k8s`.
pub fn folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Whether `kubectl` is on the path.
pub fn is_possible() -> bool {
    Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|o| o.status.success())
}

/// The text of an overlay, rendered in `copy`, which must be an empty folder.
///
/// # Errors
/// The folder cannot be copied, or what `kubectl` says of the overlay.
pub fn overlay(name: &str, copy: &Path) -> io::Result<String> {
    for part in ["base", "redis", "keys", "overlays"] {
        copy_tree(&folder().join(part), &copy.join(part))?;
    }
    for key in KEYS {
        let path = copy.join("keys").join(key);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, "no key")?;
    }
    let overlay = copy.join("overlays").join(name);
    let output = Command::new("kubectl").arg("kustomize").arg(overlay).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_tree(&path, &to)?;
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "toml") {
            fs::copy(path, to)?;
        }
    }
    Ok(())
}
