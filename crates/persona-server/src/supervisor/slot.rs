//! What is remembered of a slot between its processes: how many there were, and how often they died young.

use std::time::Duration;

/// How many processes of one slot may die young one after the other. More is a loop that nobody watches.
pub(super) const YOUNG_DEATHS_MAX: u32 = 8;

/// Pause before the second young death's replacement, doubled for each further one. The first is replaced at once.
const BACK_OFF: Duration = Duration::from_millis(50);

/// The memory of a slot.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Slot {
    /// Counts its processes.
    pub(super) generation: u64,
    young_deaths: u32,
    not_before: Duration,
}

impl Slot {
    /// Takes in the death of its process; whether that was one young death too many.
    pub(super) fn died(&mut self, now: Duration, young: bool) -> bool {
        self.young_deaths = if young { self.young_deaths + 1 } else { 0 };
        self.not_before = if self.young_deaths > 1 { now + BACK_OFF * 2_u32.pow(self.young_deaths - 2) } else { now };
        self.young_deaths >= YOUNG_DEATHS_MAX
    }

    /// Whether its next process may be started.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.not_before <= now
    }

    /// Forgets the deaths, because somebody wants the slot anew.
    pub(super) fn forgive(&mut self) {
        self.young_deaths = 0;
    }
}
