//! Returns freed memory to the system after large answers and bodies.
//!
//! glibc keeps freed memory: it raises the size from which on it takes memory directly from the
//! system to up to 32 MiB, and smaller blocks go to its arenas, which shrink only at their ends.
//! After an attack a worker would stay as large as it ever was. The settings that prevent this
//! (mallopt(3)) make each large block cost page faults again: about three times as long for a block
//! of 16 MiB (ADR 0029). So the worker itself calls `malloc_trim(3)`, from time to time, and only
//! after large blocks were freed.

use std::time::{Duration, Instant};

use persona_http::{AnswerMemoryLimit, BodyMemoryLimit};

/// Shortest time between two calls of `malloc_trim`: short for an operator, long compared to a
/// request.
const PAUSE: Duration = Duration::from_secs(5);
/// Fewest freed bytes that are worth a call.
const WORTH_BYTES: usize = 4 * 1024 * 1024;

/// Follows how much memory was freed.
pub(super) struct Freed {
    answers: AnswerMemoryLimit,
    bodies: BodyMemoryLimit,
    bytes: usize,
    last: Instant,
}

impl Freed {
    /// Follows the memory that these limits release.
    pub fn by(answers: AnswerMemoryLimit, bodies: BodyMemoryLimit) -> Self {
        Self { answers, bodies, bytes: 0, last: Instant::now() }
    }

    /// Returns memory to the system if enough was freed and the last call is long enough ago. This
    /// takes some milliseconds, in which other threads may wait for an arena, so serving threads
    /// must not call it.
    pub fn return_to_system(&mut self) {
        let freed = self.answers.take_given_back().saturating_add(self.bodies.take_given_back());
        self.bytes = self.bytes.saturating_add(freed);
        if self.bytes >= WORTH_BYTES && self.last.elapsed() >= PAUSE {
            (self.bytes, self.last) = (0, Instant::now());
            trim();
        }
    }
}

#[cfg(target_env = "gnu")]
fn trim() {
    #[expect(unsafe_code, reason = "the only way to the allocator of the C library")]
    mod c {
        use std::ffi::c_int;

        // SAFETY: this is its declaration in malloc.h. It takes a number, may be called by any
        // thread at any time (malloc_trim(3): MT-Safe), and touches only memory that is not in use.
        unsafe extern "C" {
            pub safe fn malloc_trim(pad: usize) -> c_int;
        }
    }
    // The result, whether any memory was returned, does not matter.
    let _ = c::malloc_trim(0);
}

/// Other allocators return memory by themselves.
#[cfg(not(target_env = "gnu"))]
fn trim() {}
