//! Kills processes during the load.

use std::time::Duration;

use super::error::Error;
use super::load::Load;
use super::plan::Chaos;
use super::processes::Process;
use super::random::Random;
use super::scratch::Scratch;

/// Shortest and longest time between two kills.
const PAUSE_MS: (u64, u64) = (200, 500);
/// One kill in this many hits the supervisor, if that is wanted. The second kill is the first of
/// those, so that a run of a few seconds has one too.
const SUPERVISOR_ONCE_IN: u64 = 8;

/// Number of killed processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kills {
    /// Workers.
    pub workers: u64,
    /// Maintenance processes.
    pub maintenance: u64,
    /// Supervisors.
    pub supervisors: u64,
    /// Writes that were refused before everything was killed, after the load.
    pub refusals: u64,
}

/// Kills processes until the load is stopped.
pub async fn kill(
    chaos: Chaos,
    scratch: &mut Scratch,
    load: &Load,
    mut random: Random,
) -> Result<Kills, Error> {
    let mut kills = Kills::default();
    if chaos == Chaos::None {
        return Ok(kills);
    }
    for number in 0_u64.. {
        let (shortest, longest) = PAUSE_MS;
        tokio::time::sleep(Duration::from_millis(shortest + random.below(longest - shortest)))
            .await;
        if load.is_stopped() {
            break;
        }
        if chaos == Chaos::Supervisor && number % SUPERVISOR_ONCE_IN == 1 {
            scratch.kill_and_restart().await?;
            kills.supervisors += 1;
            continue;
        }
        let children = scratch.supervisor().map(Process::children_of).unwrap_or_default();
        let victim = usize::try_from(random.below(children.len() as u64))
            .ok()
            .and_then(|number| children.get(number));
        match victim {
            Some(victim) if victim.kill().is_ok() => match victim.role.as_str() {
                "maintenance" => kills.maintenance += 1,
                _ => kills.workers += 1,
            },
            // The process has just been replaced.
            _ => {}
        }
    }
    Ok(kills)
}
