//! What the supervisor does when the files of its certificate change: every worker is replaced by
//! one with the new certificate, as after HUP, so no request fails.

use persona_model::Clock;

use super::run::Supervisor;
use crate::clock::SystemClock;
use crate::tls::PairChange;

impl Supervisor<'_> {
    /// Looks at the files from time to time; returns whether to replace the workers now.
    pub(super) fn watch_the_certificate(&mut self) -> bool {
        let Some(certificates) = &mut self.doors.certificates else { return false };
        if certificates.needs_warning(SystemClock.now()) {
            let at = certificates.ends_at();
            tracing::warn!(expires_at = %at, "the certificate expires at {at}; renew it");
        }
        let change = certificates.look(self.began.elapsed(), SystemClock.now());
        self.take_change(change);
        // While workers start or are being replaced, some may have got the old certificate, so the
        // replacement waits.
        self.is_renewal_due && self.state.can_restart() && std::mem::take(&mut self.is_renewal_due)
    }

    /// Reads the files for a restart that an operator asks for.
    pub(super) fn read_the_certificate_again(&mut self) {
        let Some(certificates) = &mut self.doors.certificates else { return };
        let change = certificates.read_again(SystemClock.now());
        self.take_change(change);
        // The restart that the operator asked for gives every worker the new certificate.
        self.is_renewal_due &= !self.state.can_restart();
    }

    /// Tells the scoreboard when the certificate ends.
    pub(super) fn note_the_certificate(&self) {
        if let Some(certificates) = &self.doors.certificates {
            self.scoreboard.set_certificate_end(certificates.ends_at());
        }
    }

    fn take_change(&mut self, change: PairChange) {
        match change {
            PairChange::None => {}
            PairChange::Renewed(at) => {
                tracing::info!(expires_at = %at, "the certificate was read again; it expires at {at}");
                self.note_the_certificate();
                self.is_renewal_due = true;
            }
            PairChange::Broken(problem) => tracing::error!(
                error = %problem,
                "the changed certificate is not used, the old one is: {problem} ({})",
                problem.hint()
            ),
        }
    }
}
