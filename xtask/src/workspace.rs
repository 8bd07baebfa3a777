//! Where the repository is and which files it has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold no source of ours wherever they stand.
const SKIPPED: [&str; 5] = [".git", "target", "corpus", "artifacts", "node_modules"];

/// The root of the repository: the folder above this crate's manifest.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// What the disk of the repository has left for us, bytes; none if the system does not say.
pub(crate) fn free_bytes() -> Option<u64> {
    let disk = rustix::fs::statvfs(root()).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Every file below `root` as a path relative to it with `/` between its parts, sorted.
/// Build folders are left out, also those with a name of their own (cargo tags them).
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn files(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if folder.join("CACHEDIR.TAG").exists() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if !SKIPPED.iter().any(|skipped| name == *skipped) {
                    folders.push(path);
                }
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}
