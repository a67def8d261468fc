//! Gives memory back to the system after large answers and bodies.
//!
//! glibc keeps what was freed: it raises the size from which on it takes memory from the system
//! directly, up to 32 MiB, and what is below goes to its arenas, which shrink only from their ends.
//! After an attack a worker would stay as large as it ever was. The settings that forbid this
//! (mallopt(3)) make every large page cost its page faults anew: about three times as long for a
//! page of 16 MiB (ADR 0029). So the worker says when: `malloc_trim(3)`, now and then, and only
//! after something large.

use std::time::{Duration, Instant};

use persona_http::{AnswerMemoryLimit, BodyMemoryLimit};

/// Longest time that freed memory is kept; short beside the time of an operator, long beside that
/// of a request.
const PAUSE: Duration = Duration::from_secs(5);
/// From how much freed memory on it is worth it, in bytes.
const WORTH_BYTES: usize = 4 * 1024 * 1024;

/// What is to be given back.
pub(super) struct Freed {
    answers: AnswerMemoryLimit,
    bodies: BodyMemoryLimit,
    bytes: usize,
    last: Instant,
}

impl Freed {
    /// Follows what these give back.
    pub fn by(answers: AnswerMemoryLimit, bodies: BodyMemoryLimit) -> Self {
        Self { answers, bodies, bytes: 0, last: Instant::now() }
    }

    /// Gives memory back if enough was freed and the last time is long enough ago. Takes some
    /// milliseconds then, in which other threads wait for an arena at times, so this is not for a
    /// thread that serves.
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
    // Whether there was anything to give back makes no difference.
    let _ = c::malloc_trim(0);
}

/// Other allocators give memory back by themselves.
#[cfg(not(target_env = "gnu"))]
fn trim() {}
