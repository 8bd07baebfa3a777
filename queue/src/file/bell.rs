//! The notice to other processes: a file beside the database that each writer touches when there
//! is news, and that all watch.
//!
//! Why a file of its own: the log of the database is written before a transaction is there to be
//! read, so that whoever watched that would look too early.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::store::{beside, private};

/// Rings for the others.
#[derive(Debug)]
pub(super) struct Bell {
    file: File,
}

impl Bell {
    /// The bell of a database; it is made if it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        Ok(Self { file: private(&mut options).open(beside(path, "-bell"))? })
    }

    /// Tells the others that there is news. It is a hint: where it is lost, they look by
    /// themselves after a while.
    pub(super) fn ring(&self) {
        #[cfg(unix)]
        if let Err(error) = std::os::unix::fs::FileExt::write_at(&self.file, b"!", 0) {
            log::debug!("the bell of a queue's file was not rung: {error}");
        }
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::Watch;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Watch;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::sync::Arc;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

    use super::super::store::beside;

    /// Bytes of notices that are read at once; one of ours has 16.
    const NOTICES_BYTES: usize = 512;

    /// Hears the bell, in a thread that ends with it.
    #[derive(Debug)]
    pub(in super::super) struct Watch {
        inotify: Arc<OwnedFd>,
        bell: i32,
    }

    impl Watch {
        /// Calls `heard` for each ring, or several that came together, until it answers `false`.
        pub(in super::super) fn start(
            path: &Path,
            heard: impl FnMut() -> bool + Send + 'static,
        ) -> io::Result<Self> {
            let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
            let bell = inotify::add_watch(&*inotify, beside(path, "-bell"), WatchFlags::MODIFY)?;
            let ears = inotify.clone();
            let thread = std::thread::Builder::new().name("queue-bell".to_owned());
            thread.spawn(move || listen(&ears, heard))?;
            Ok(Self { inotify, bell })
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            // Its end is a notice too, and the last one that the thread reads.
            if let Err(error) = inotify::remove_watch(&*self.inotify, self.bell) {
                log::debug!("the bell of a queue's file is not watched any more: {error}");
            }
        }
    }

    fn listen(inotify: &OwnedFd, mut heard: impl FnMut() -> bool) {
        let mut buffer = [MaybeUninit::uninit(); NOTICES_BYTES];
        let mut notices = Reader::new(inotify, &mut buffer);
        loop {
            match notices.next() {
                Ok(notice) if notice.events().contains(ReadFlags::IGNORED) => return,
                Ok(_) => {
                    if !heard() {
                        return;
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    log::warn!("the bell of a queue's file is not heard any more: {error}");
                    return;
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io;
    use std::path::Path;

    /// Nothing that can be watched.
    #[derive(Debug)]
    pub(in super::super) struct Watch;

    impl Watch {
        pub(in super::super) fn start(
            _path: &Path,
            _heard: impl FnMut() -> bool + Send + 'static,
        ) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
