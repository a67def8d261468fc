//! The end of a live transfer: writers are held up for the last lines only.
//!
//! The source is fenced for at most [`FENCE_MAX`]. A fence that would take longer is taken down,
//! the writers go on, and the next one is tried when the target has caught up.

use std::time::{Duration, Instant};

use super::copied_keys::CopiedKeys;
use super::run::Work;
use super::{TransferError, verify};

/// Longest time that writers are held up by a live transfer.
const FENCE_MAX: Duration = Duration::from_secs(2);
/// After this time no further step behind the fence begins, so that the last step ends in time.
const FENCE_STEPS_MAX: Duration = Duration::from_millis(1500);
/// A fence is only tried when the last round of copying and comparing took no longer than this, so
/// that the rest is done quickly.
const ROUND_SHORT: Duration = Duration::from_millis(300);
/// Most rounds before a fence: where writers are as quick as the copy, more rounds do not help.
const ROUNDS_MAX: u32 = 20;
/// Most fences of one transfer.
const FENCES_MAX: u32 = 10;
impl Work<'_, '_> {
    /// The end of a live transfer: the source has ended when this returns, with the fence still up,
    /// so that nothing is ever written to both. Tells how long the fence has been.
    pub(super) fn catch_up(
        &mut self,
        mut compared_to: i64,
        keys: &mut CopiedKeys,
    ) -> Result<Duration, TransferError> {
        for _ in 0..FENCES_MAX {
            compared_to = self.come_near(compared_to, keys)?;
            let began = Instant::now();
            self.source.fence()?;
            let limit = began + FENCE_STEPS_MAX;
            let is_all = self.copy(Some(limit))?
                && self.compare_rest(compared_to, limit)?
                && self.copy_keys(keys, Some(limit))?;
            if is_all && Instant::now() < limit {
                self.move_tokens()?;
                self.move_former_handles()?;
                self.target.complete()?;
                if self.source.retire(&self.plan.to.to_string(), self.position)? {
                    return Ok(began.elapsed());
                }
            }
            self.source.unfence()?;
        }
        Err(TransferError::FenceTooLong { limit_ms: FENCE_MAX.as_millis(), attempts: FENCES_MAX })
    }

    /// Copies and compares what came meanwhile, until that is so little that the rest is quickly
    /// done.
    fn come_near(
        &mut self,
        mut compared_to: i64,
        keys: &mut CopiedKeys,
    ) -> Result<i64, TransferError> {
        for _ in 0..ROUNDS_MAX {
            let began = Instant::now();
            self.copy(None)?;
            compared_to = self.compare_lines(compared_to)?;
            let ids: Vec<_> = std::mem::take(&mut self.touched).into_iter().collect();
            for ids in ids.chunks(verify::PERSONAS_AT_ONCE) {
                let later =
                    verify::personas_named(self.source.side(), self.target.side(), ids, true)?;
                self.touched.extend(later);
            }
            self.copy_keys(keys, None)?;
            self.target.put_in_order()?;
            if began.elapsed() <= ROUND_SHORT {
                break;
            }
        }
        Ok(compared_to)
    }

    /// Compares what was transferred since: lines, their personas, and all counts. Returns whether
    /// it was in time.
    fn compare_rest(&mut self, after: i64, limit: Instant) -> Result<bool, TransferError> {
        self.compare_lines(after)?;
        let ids: Vec<_> = self.touched.iter().copied().collect();
        for ids in ids.chunks(verify::PERSONAS_AT_ONCE) {
            if Instant::now() >= limit {
                return Ok(false);
            }
            verify::personas_named(self.source.side(), self.target.side(), ids, false)?;
        }
        self.touched.clear();
        verify::counts(self.source.side(), self.target.side(), self.start.before)?;
        self.compare_labels()?;
        Ok(Instant::now() < limit)
    }
}
