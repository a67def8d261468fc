//! The shared memory itself: one of the few places of the program with `unsafe`
//! (`persona-test-support/tests/house/tidy.rs` names them).
//!
//! This file does not know the meaning of the cells.

use std::ffi::CStr;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use memmap2::MmapRaw;
use rustix::fs::{
    MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
};

/// The name of the memory in `/proc/<pid>/maps`.
const NAME: &CStr = c"persona-scoreboard";

/// Forbids every change of the size.
const SIZE_SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// The system did not make the memory.
#[derive(Debug, thiserror::Error)]
#[error("the memory that all processes share (/memfd:{}, {bytes} bytes) could not be made: \
         {call}: {source}", NAME.to_string_lossy())]
pub struct NotMade {
    /// The call of the system that failed.
    call: &'static str,
    bytes: u64,
    source: io::Error,
}

impl NotMade {
    /// What the user can do about it.
    pub fn cure(&self) -> String {
        match self.source.kind() {
            ErrorKind::FileTooLarge => format!(
                "raise the limit on the size of files to {} bytes \
                 at least (ulimit -f)",
                self.bytes
            ),
            ErrorKind::OutOfMemory | ErrorKind::StorageFull => {
                "give the service or the container more memory".into()
            }
            ErrorKind::Unsupported | ErrorKind::PermissionDenied => {
                format!(
                    "allow the call {} in the sandbox or seccomp profile of the service; it needs Linux 3.17 or newer",
                    self.call
                )
            }
            _ => "raise the limits on open files (ulimit -n; /proc/sys/fs/file-max) and on memory \
                  (ulimit -v)"
                .into(),
        }
    }
}

impl From<NotMade> for io::Error {
    fn from(error: NotMade) -> Self {
        Self::new(error.source.kind(), error)
    }
}

/// A fixed number of atomic cells that several processes see.
pub(super) struct Memory {
    map: MmapRaw,
    file: OwnedFd,
    cells: usize,
}

impl Memory {
    /// Makes new memory, all zero. Cells that no process touches take no room.
    pub(super) fn create(cells: usize) -> Result<Self, NotMade> {
        let failed = |call: &'static str| {
            move |source: io::Error| NotMade { call, bytes: bytes_of(cells), source }
        };
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file =
            memfd_create(NAME, flags).map_err(io::Error::from).map_err(failed("memfd_create"))?;
        ftruncate(&file, bytes_of(cells)).map_err(io::Error::from).map_err(failed("ftruncate"))?;
        fcntl_add_seals(&file, SIZE_SEALS)
            .map_err(io::Error::from)
            .map_err(failed("fcntl(F_ADD_SEALS)"))?;
        Self::attach(file, cells).map_err(failed("mmap"))
    }

    /// Maps the memory that another process made.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] when the size is wrong or not sealed: on the first access
    /// beyond the end of a shorter file, the kernel would kill this process.
    pub(super) fn attach(file: OwnedFd, cells: usize) -> io::Result<Self> {
        let size = u64::try_from(fstat(&file)?.st_size).unwrap_or_default();
        if size != bytes_of(cells) || !fcntl_get_seals(&file)?.contains(SIZE_SEALS) {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "the scoreboard has another size than expected, or one that can change",
            ));
        }
        let map = MmapRaw::map_raw(&file)?;
        Ok(Self { map, file, cells })
    }

    /// The descriptor that children get.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The path by which this process opens the same file again, for as long as this value lives. A
    /// lock of `flock(2)` belongs to an open file description, and all processes share the one of
    /// the inherited descriptor.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// The cells.
    pub(super) fn cells(&self) -> &[AtomicU64] {
        #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins at a memory page")]
        let first = self.map.as_mut_ptr().cast::<AtomicU64>().cast_const();
        // SAFETY: the mapping is `cells * 8` bytes long, which `attach` checked and the seals keep
        // true for ever, also when another process misbehaves. It begins at a memory page, so it is
        // aligned for 8 bytes. It lives as long as `self`, to which the slice is bound. Every bit
        // pattern is a valid `AtomicU64`, and all processes touch the memory only through atomic
        // operations of that same type, so there is no data race.
        #[expect(unsafe_code, reason = "a shared mapping can be seen as cells in no other way")]
        unsafe {
            std::slice::from_raw_parts(first, self.cells)
        }
    }
}

const fn bytes_of(cells: usize) -> u64 {
    (cells * size_of::<AtomicU64>()) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::{ErrorKind, Memory};

    #[test]
    fn what_one_mapping_writes_another_reads_and_a_wrong_size_is_refused() {
        let first = Memory::create(512).expect("memory");
        let second = Memory::attach(first.fd().try_clone_to_owned().expect("a descriptor"), 512)
            .expect("the same memory");
        first.cells()[511].store(7, Relaxed);
        assert_eq!(second.cells()[511].load(Relaxed), 7);
        let other_size =
            Memory::attach(first.fd().try_clone_to_owned().expect("a descriptor"), 513);
        assert_eq!(other_size.err().map(|error| error.kind()), Some(ErrorKind::InvalidData));
    }
}
