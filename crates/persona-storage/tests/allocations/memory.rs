//! SQLite's memory, which is refused at a chosen request of the writer's thread.
//!
//! SQLite takes its memory through a table of functions that can be replaced before its first use
//! (SQLite documentation, "Dynamic Memory Allocation In SQLite", section 3.1). Memory that it takes
//! ahead of need is switched off, so that every piece is asked for by itself.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use rusqlite::ffi;

type Allocate = unsafe extern "C" fn(c_int) -> *mut c_void;
type Reallocate = unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void;

/// SQLite's own functions, which the functions below call.
static REAL: OnceLock<(Allocate, Reallocate)> = OnceLock::new();
/// Whether requests for memory are counted.
static COUNTS: AtomicBool = AtomicBool::new(false);
/// Requests for memory up to and with the request that is refused.
static LEFT: AtomicI64 = AtomicI64::new(0);
/// Whether the requests after the refused one are refused too.
static STAYS: AtomicBool = AtomicBool::new(false);

/// Refuses the writer's n-th request for memory from now on, and with `stays` all later requests
/// too.
pub fn refuse(nth: i64, stays: bool) {
    LEFT.store(nth, Ordering::SeqCst);
    STAYS.store(stays, Ordering::SeqCst);
    COUNTS.store(true, Ordering::SeqCst);
}

/// Ends the refusals. Returns how many requests for memory there were since [`refuse`] was called
/// with this `nth`.
pub fn relent(nth: i64) -> i64 {
    COUNTS.store(false, Ordering::SeqCst);
    nth - LEFT.load(Ordering::SeqCst)
}

fn is_refused() -> bool {
    if !COUNTS.load(Ordering::SeqCst) || std::thread::current().name() != Some("writer") {
        return false;
    }
    match LEFT.fetch_sub(1, Ordering::SeqCst) {
        1 => true,
        left => left < 1 && STAYS.load(Ordering::SeqCst),
    }
}

extern "C" fn allocate(bytes: c_int) -> *mut c_void {
    match REAL.get() {
        // SAFETY: this is SQLite's own function, called as SQLite calls it.
        #[expect(
            unsafe_code,
            reason = "SQLite's memory can be refused through its table of C functions only"
        )]
        Some((allocate, _)) if !is_refused() => unsafe { allocate(bytes) },
        _ => ptr::null_mut(),
    }
}

extern "C" fn reallocate(memory: *mut c_void, bytes: c_int) -> *mut c_void {
    match REAL.get() {
        // SAFETY: this is SQLite's own function, called as SQLite calls it, with memory that
        // `allocate` or this function got from SQLite.
        #[expect(
            unsafe_code,
            reason = "SQLite's memory can be refused through its table of C functions only"
        )]
        Some((_, reallocate)) if !is_refused() => unsafe { reallocate(memory, bytes) },
        _ => ptr::null_mut(),
    }
}

/// Puts the functions above in place of SQLite's. Has to be called before the first connection of
/// the process.
pub fn watch() {
    let mut methods = ffi::sqlite3_mem_methods {
        xMalloc: None,
        xFree: None,
        xRealloc: None,
        xSize: None,
        xRoundup: None,
        xInit: None,
        xShutdown: None,
        pAppData: ptr::null_mut(),
    };
    // SAFETY: before its first use SQLite may be configured, by one thread, which the caller sees
    // to. It fills the table, and copies the one that it is given (SQLite documentation,
    // "Configuration Options"). The other arguments have the types that the options take.
    #[expect(unsafe_code, reason = "SQLite is configured through a variadic C function")]
    let codes = unsafe {
        let asked = ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, &raw mut methods);
        let (real, again) =
            (methods.xMalloc.expect("a function"), methods.xRealloc.expect("a function"));
        REAL.set((real, again)).expect("set once");
        methods.xMalloc = Some(allocate);
        methods.xRealloc = Some(reallocate);
        [
            asked,
            ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods),
            ffi::sqlite3_config(ffi::SQLITE_CONFIG_LOOKASIDE, 0 as c_int, 0 as c_int),
            ffi::sqlite3_config(
                ffi::SQLITE_CONFIG_PAGECACHE,
                ptr::null_mut::<c_void>(),
                0 as c_int,
                0 as c_int,
            ),
        ]
    };
    assert_eq!(codes, [ffi::SQLITE_OK; 4], "SQLite was used before");
}
