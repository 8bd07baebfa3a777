//! The connection: how it is opened, what it is set to, and its errors in words.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, Result as SqlResult};

use super::limits::{BREATH, BUSY_MAX, CACHE_KIB, CHECKPOINT_PAGES, LOG_BYTES_MAX, STATEMENTS_MAX};
use super::options::{FileOpenError, FileOptions, FileSync};

/// The newest version of the tables that this program knows.
const VERSION: i64 = 2;

/// Marks a database as one of ours: "MWJQ".
const APPLICATION: i64 = 0x4d57_4a51;

const SCHEMA: &str = include_str!("schema.sql");

/// What a file of version 1 lacks. Processes of that version that have it open go on as before.
const FROM_VERSION_1: &str = "ALTER TABLE queues ADD COLUMN backoff_min INTEGER; \
    ALTER TABLE queues ADD COLUMN backoff_max INTEGER";

/// Why a transaction was not done.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// Words for people.
    pub(super) message: String,
    /// Whether it may be in the file all the same.
    pub(super) is_unknown: bool,
}

/// Opens the file and brings its tables up to date; makes it if it is not there.
pub(super) fn open(options: &FileOptions) -> Result<Connection, FileOpenError> {
    let unusable =
        |message: String| FileOpenError::Unusable { path: options.path.clone(), message };
    make(&options.path).map_err(|error| unusable(error.to_string()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(&options.path, flags)
        .map_err(|error| unusable(words(&error)))?;
    conn.busy_handler(Some(wait_for_others)).map_err(|error| unusable(words(&error)))?;
    check_version(&conn, &options.path)?;
    if conn.is_readonly("main").unwrap_or(true) {
        return Err(unusable("it may only be read".to_owned()));
    }
    set_up(&conn, options).and_then(|()| create(&conn)).map_err(|error| unusable(words(&error)))?;
    // Another process may have made it, and a newer one.
    check_version(&conn, &options.path)?;
    Ok(conn)
}

/// Makes an empty file that only its owner may read, and sees that its name is on the disk.
fn make(path: &Path) -> io::Result<()> {
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Ok(file) => {
            file.sync_all()?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A file made with these options is its owner's only.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// The name of a file that is kept beside the database.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn set_up(conn: &Connection, options: &FileOptions) -> SqlResult<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Two that turn a new file to WAL at the same time are not kept waiting by the handler.
    let mut attempts = 0;
    while let Err(error) = conn.pragma_update(None, "journal_mode", "WAL") {
        if !is_busy(&error) || !wait_for_others(attempts) {
            return Err(error);
        }
        attempts += 1;
    }
    let sync = match options.sync {
        FileSync::Full => "FULL",
        FileSync::Normal => "NORMAL",
    };
    conn.pragma_update(None, "synchronous", sync)?;
    // Only Apple's systems have an fsync that stops at the disk's own cache.
    conn.pragma_update(None, "fullfsync", options.sync == FileSync::Full)?;
    conn.pragma_update(None, "checkpoint_fullfsync", options.sync == FileSync::Full)?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX as i64)?;
    conn.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
    conn.pragma_update(None, "temp_store", "MEMORY")
}

/// Waits a little for a transaction of another process; `false` when it was long enough.
fn wait_for_others(attempts: i32) -> bool {
    let step = BREATH / 2;
    let spent = step.saturating_mul(u32::try_from(attempts).unwrap_or(u32::MAX));
    if spent < BUSY_MAX {
        std::thread::sleep(step);
    }
    spent < BUSY_MAX
}

/// Refuses what is not ours, or too new for us. It only reads.
fn check_version(conn: &Connection, path: &Path) -> Result<(), FileOpenError> {
    let read = || -> SqlResult<(i64, i64, i64)> {
        let tables = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((tables, number(conn, "application_id")?, number(conn, "user_version")?))
    };
    let (tables, application, version) = read().map_err(|error| {
        let (path, message) = (path.to_owned(), words(&error));
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => FileOpenError::Foreign { path },
            _ => FileOpenError::Unusable { path, message },
        }
    })?;
    let is_new = tables == 0 && application == 0 && version == 0;
    if application != APPLICATION && !is_new {
        return Err(FileOpenError::Foreign { path: path.to_owned() });
    }
    if version > VERSION {
        return Err(FileOpenError::Newer { path: path.to_owned(), version, known: VERSION });
    }
    Ok(())
}

fn number(conn: &Connection, pragma: &str) -> SqlResult<i64> {
    conn.pragma_query_value(None, pragma, |row| row.get(0))
}

/// Makes the tables, or what they lack, unless all is there or another process is faster.
fn create(conn: &Connection) -> SqlResult<()> {
    if number(conn, "user_version")? == VERSION {
        return Ok(());
    }
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let made = match number(conn, "user_version")? {
        0 => conn.execute_batch(&format!(
            "{SCHEMA}; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
        )),
        1 => conn.execute_batch(&format!("{FROM_VERSION_1}; PRAGMA user_version = {VERSION};")),
        _ => Ok(()),
    };
    let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = conn.execute_batch(end);
    made.and(ended)
}

/// Copies the log into the database where it has grown beyond its bound, because somebody reads in
/// it all the time.
pub(super) fn shorten_log(conn: &Connection, path: &Path) {
    let bytes = std::fs::metadata(beside(path, "-wal")).map_or(0, |log| log.len());
    if bytes > LOG_BYTES_MAX {
        let copied = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        if !matches!(copied, Ok(0)) {
            log::warn!("the log of {} has {bytes} bytes: who reads in it?", path.display());
        }
    }
}

/// A number that changes when another process has written.
pub(super) fn data_version(conn: &Connection) -> SqlResult<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

/// Whether the connection should be made anew: what it knows of the file may be wrong.
pub(super) fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::CannotOpen
                | ErrorCode::NotADatabase
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// Whether the operations of a transaction that ended so are better tried one by one: the fault may
/// be that of one of them.
pub(super) fn is_of_one(error: &rusqlite::Error) -> bool {
    !is_broken(error)
        && !matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::ReadOnly)
        )
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// An error in words for people.
pub(super) fn words(error: &rusqlite::Error) -> String {
    let what = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::DatabaseBusy) => "another process holds the file and does not go on",
        Some(ErrorCode::ReadOnly) => "it may only be read",
        Some(ErrorCode::SystemIoFailure) => "the disk failed",
        Some(ErrorCode::DatabaseCorrupt) => "it is damaged",
        Some(ErrorCode::CannotOpen) => "it cannot be opened",
        _ => return error.to_string(),
    };
    format!("{what} ({error})")
}

/// What could be lost with where the file is and how it is kept, a sentence each.
pub(super) fn check(options: &FileOptions) -> Vec<String> {
    let mut warnings = Vec::new();
    if options.sync == FileSync::Normal {
        warnings.push(
            "sync=normal: a power loss takes the jobs that were acknowledged in the last moments"
                .to_owned(),
        );
    }
    warnings.extend(file_system_warning(&options.path));
    #[cfg(unix)]
    if let Ok(file) = std::fs::metadata(&options.path)
        && std::os::unix::fs::MetadataExt::mode(&file) & 0o077 != 0
    {
        let path = options.path.display();
        warnings.push(format!("others than its owner may use {path}: set its mode to 0600"));
    }
    warnings
}

/// What is wrong with the kind of file system.
#[cfg(target_os = "linux")]
fn file_system_warning(path: &Path) -> Option<String> {
    const NETWORK: [(u32, &str); 4] =
        [(0x6969, "NFS"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB"), (0x0102_1997, "9P")];
    const MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];
    let kind = u32::try_from(rustix::fs::statfs(path).ok()?.f_type).ok()?;
    let path = path.display();
    if let Some((_, name)) = NETWORK.iter().find(|(number, _)| *number == kind) {
        return Some(format!(
            "{path} is on a network file system ({name}): its locks hold for one machine, and the \
             jobs may be lost when two use it"
        ));
    }
    MEMORY.contains(&kind).then(|| format!("{path} is in memory: a restart takes all its jobs"))
}

#[cfg(not(target_os = "linux"))]
fn file_system_warning(_path: &Path) -> Option<String> {
    None
}
