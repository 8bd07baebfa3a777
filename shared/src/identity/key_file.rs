//! Files that hold one key as text. Only their owner may read them, or the group of a file of
//! root's: so come the secrets that a cluster mounts into its containers. That is checked before a
//! byte is used; they are created whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::random::Random;
use crate::secret::{SecretError, TextKind, decode, encode};

/// Longest key file, in bytes; every key is shorter.
pub const KEY_FILE_BYTES_MAX: u64 = 1024;

/// Why a key file cannot be used. The operator's to mend, then start again; nothing was changed.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error("{}: no such key file", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Others than its owner may read or write it, so the key may be known. Make it 0600, or 0440
    /// if it is root's and a group is to read it; if others had the chance to read it, replace
    /// the key.
    #[error(
        "{}: others may use this key file (mode {mode:04o}); make it yours alone with `chmod 600`",
        path.display()
    )]
    Wide {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A folder, a pipe, or longer than [`KEY_FILE_BYTES_MAX`].
    #[error(
        "{}: not a key file: it must be a regular file of at most {KEY_FILE_BYTES_MAX} bytes",
        path.display()
    )]
    NotAKeyFile {
        /// The path.
        path: PathBuf,
    },
    /// It holds something else than the key it should.
    #[error("{}: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        source: SecretError,
    },
    /// The operating system refused.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Reads a text from a file that only its owner may use, for a mesh secret or a join key. A file of
/// root's may be read by its group as well.
///
/// # Errors
/// Every variant of [`KeyFileError`] but `Damaged`: the content is not looked at, beyond being
/// text.
pub fn read(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let failed = |doing, source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => KeyFileError::Missing { path: path.into() },
        ErrorKind::InvalidData => KeyFileError::NotAKeyFile { path: path.into() },
        _ => KeyFileError::Io { path: path.into(), doing, source },
    };
    // Asked by name first, for opening a pipe would wait; and again of the open file, which counts.
    let by_name = std::fs::metadata(path).map_err(|error| failed("look at it", error))?;
    let refused = || KeyFileError::NotAKeyFile { path: path.into() };
    if !by_name.is_file() {
        return Err(refused());
    }
    let file = File::open(path).map_err(|error| failed("open it", error))?;
    let opened = file.metadata().map_err(|error| failed("look at it", error))?;
    if !opened.is_file() || opened.len() > KEY_FILE_BYTES_MAX {
        return Err(refused());
    }
    refuse_wide(path, &opened)?;
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX as usize));
    let taken = file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text);
    taken.map_err(|error| failed("read it", error))?;
    Ok(text)
}

/// Creates `path` with `text` in it, readable by its owner only, all of it or nothing.
///
/// # Errors
/// [`KeyFileError::Io`], of kind `AlreadyExists` when there is such a file: it is never replaced.
pub fn create(path: &Path, text: &str, random: &Random) -> Result<(), KeyFileError> {
    let failed = |doing, source| KeyFileError::Io { path: path.into(), doing, source };
    let draft = draft_path(path, random);
    let written = write_draft(&draft, text).map_err(|error| failed("write it", error));
    // A hard link fails when the name is taken, where a rename would replace the file.
    let linked = written.and_then(|()| {
        std::fs::hard_link(&draft, path).map_err(|error| failed("create it", error))
    });
    let removed = std::fs::remove_file(&draft);
    linked?;
    removed.and_then(|()| sync_folder(path)).map_err(|error| failed("finish it", error))
}

/// Writes `text` to `path` in the place of what is there, readable by its owner only: after a loss
/// of power the file has the old content or the new one.
///
/// # Errors
/// [`KeyFileError::Io`]; the old content stays, or it is not known which of the two stays after a
/// loss of power.
pub fn replace(path: &Path, text: &str, random: &Random) -> Result<(), KeyFileError> {
    let failed = |doing, source| KeyFileError::Io { path: path.into(), doing, source };
    let draft = draft_path(path, random);
    let written = write_draft(&draft, text).and_then(|()| std::fs::rename(&draft, path));
    if let Err(error) = written {
        // What went wrong before counts; a draft that was never made cannot be removed.
        let _ = std::fs::remove_file(&draft);
        return Err(failed("replace it", error));
    }
    sync_folder(path).map_err(|error| failed("finish it", error))
}

/// Reads the 32 bytes of a `kind` of key.
pub(super) fn load(path: &Path, kind: TextKind) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let text = read(path)?;
    let damaged = |source| KeyFileError::Damaged { path: path.into(), source };
    let payload = decode(kind, &text).map_err(damaged)?;
    match <[u8; 32]>::try_from(payload.as_slice()) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(_) => Err(damaged(SecretError::Damaged { expected: kind })),
    }
}

/// Reads the 32 bytes of a `kind` of key, drawn and kept first if there is no file.
pub(super) fn load_or_create(
    path: &Path,
    kind: TextKind,
    random: &Random,
) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    match load(path, kind) {
        Err(KeyFileError::Missing { .. }) => {}
        loaded => return loaded,
    }
    let bytes = Zeroizing::new(random.bytes::<32>());
    let mut line = encode(kind, bytes.as_slice());
    line.push('\n');
    match create(path, &line, random) {
        Ok(()) => Ok(bytes),
        // Another process was quicker; its key counts.
        Err(KeyFileError::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
            load(path, kind)
        }
        Err(error) => Err(error),
    }
}

fn draft_path(path: &Path, random: &Random) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}.new", random.next_u64()));
    path.with_file_name(name)
}

fn write_draft(draft: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn refuse_wide(path: &Path, opened: &std::fs::Metadata) -> Result<(), KeyFileError> {
    let wide = |mode| KeyFileError::Wide { path: path.into(), mode };
    wide_mode(opened).map_or(Ok(()), |mode| Err(wide(mode)))
}

/// The permission bits of a file with a secret in it, if others may use it than those who should.
#[cfg(unix)]
pub(crate) fn wide_mode(file: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let mode = file.permissions().mode() & 0o7777;
    is_wide(mode, file.uid()).then_some(mode)
}

/// Other systems guard files by the folder they lie in, which has no mode to check.
#[cfg(not(unix))]
pub(crate) fn wide_mode(_: &std::fs::Metadata) -> Option<u32> {
    None
}

/// Only root can give a file to root. What root lets a group read was handed over on purpose: a
/// cluster mounts secrets so for a process that is not root. A file of one's own is more likely to
/// have come by its group by accident.
#[cfg(unix)]
pub(super) fn is_wide(mode: u32, owner: u32) -> bool {
    const ROOT: u32 = 0;
    let others = if owner == ROOT { 0o037 } else { 0o077 };
    mode & others != 0
}

/// Makes the new name survive a loss of power.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}
