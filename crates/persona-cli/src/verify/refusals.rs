//! Has writes refused and then kills every process: a refused write must not appear after the
//! restart.
//!
//! A store can tell that a write was not kept while its WAL still holds it, until the next write
//! takes its place; a recovery of the WAL then brings it back. So nothing may be written between
//! the refusal and the kill, not even by the maintenance process, which merges the search index
//! soon after a write. After each kill the personas are read into the history, so that each
//! revision has a known one before it, and `checks/gaps.rs` finds a revision that only a refused
//! write can have made.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::client::Client;
use super::error::Error;
use super::load::Load;
use super::random::Random;
use super::scratch::Scratch;

/// The number of the persona that is written to: a hot one, which is never deleted.
const PERSONA: u32 = 0;
/// Most writes to a server on which writes are refused by chance. 24 are enough if more than one in
/// sixteen is refused.
const WRITES_MAX: u32 = 24;
/// Flags of a server on which no write gets its turn in time, and of one that keeps more space free
/// than the disk has.
const NO_TIME: &[&str] = &["--busy-timeout-ms=0"];
const NO_SPACE: &[&str] = &["--disk-reserve-mb=1048576"];
/// Streams of random numbers that are not those of clients.
const STREAM: u64 = u64::MAX - 16;

/// Has writes refused in several ways, kills all processes after each, and reads the personas;
/// returns how many writes were refused.
///
/// Must be called after the load, so that nothing else is written.
pub async fn refuse_and_kill(
    scratch: &mut Scratch,
    load: &Arc<Load>,
    seed: u64,
) -> Result<u64, Error> {
    load.expect_refusals();
    let before = load.refused.load(Relaxed);
    let mut streams = STREAM..;
    let mut client =
        || Client::new(Arc::clone(load), Random::new(seed, streams.next().unwrap_or(STREAM)));
    client().write_in_vain(PERSONA).await;
    restart(scratch, load, &[]).await?;
    scratch.end_maintenance();
    let mut writer = client();
    writer.look_at(PERSONA).await;
    writer.write_until_refused(PERSONA, WRITES_MAX).await;
    let ways = if scratch.has_file() { &[NO_TIME, NO_SPACE][..] } else { &[NO_TIME] };
    for flags in ways {
        restart(scratch, load, flags).await?;
        let mut client = client();
        client.look_at(PERSONA).await;
        client.write_until_refused(PERSONA, 1).await;
    }
    restart(scratch, load, &[]).await?;
    client().look_at(PERSONA).await;
    Ok(load.refused.load(Relaxed) - before)
}

async fn restart(scratch: &mut Scratch, load: &Load, flags: &[&str]) -> Result<(), Error> {
    scratch.kill_everything_and_restart(flags).await?;
    load.pool.clear();
    Ok(())
}
