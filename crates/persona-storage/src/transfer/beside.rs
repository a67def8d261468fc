//! What is transferred beside the lines of the feed: access tokens, and handles that were given up;
//! and labels, which follow from the feed, compared.

use super::TransferError;
use super::run::Work;
use super::side::Counts;
use super::verify;

impl Work<'_, '_> {
    /// Refuses a target without personas that has access tokens of its own: they would be replaced.
    pub(super) fn refuse_other_tokens(&mut self) -> Result<(), TransferError> {
        if self.start.before != Counts::default() {
            return Ok(());
        }
        let sent = self.source.side().tokens()?;
        let there = self.target.side().tokens()?;
        match there.iter().find(|token| sent.iter().all(|known| known.id != token.id)) {
            Some(token) => Err(TransferError::OtherToken {
                place: self.plan.to.to_string(),
                name: token.name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Gives the target the access tokens of the source, and compares them. Only while no process
    /// writes to the source: a token that ends there meanwhile must not live on in the target.
    ///
    /// A database that had personas before keeps the tokens that it has, and gets no others: they
    /// would let requests in to what was there.
    pub(super) fn move_tokens(&mut self) -> Result<(), TransferError> {
        if self.start.before != Counts::default() {
            return Ok(());
        }
        let sent = self.source.side().tokens()?;
        self.target.put_tokens(&sent)?;
        verify::tokens(self.target.side(), &sent)
    }

    /// Gives the target the handles that were given up, and compares them. Only while no process
    /// writes to the source, because another persona can take each of them.
    pub(super) fn move_former_handles(&mut self) -> Result<(), TransferError> {
        let was_empty = self.start.before == Counts::default();
        if was_empty {
            // What an attempt before this one left may be taken by others now.
            self.target.clear_former_handles()?;
        }
        let mut after = None;
        loop {
            let sent =
                self.source.side().former_handles(after.as_ref(), verify::HANDLES_AT_ONCE)?;
            let Some(last) = sent.last() else { return Ok(()) };
            self.target.put_former_handles(&sent)?;
            if was_empty {
                verify::former_handles(self.target.side(), after.as_ref(), &sent)?;
            }
            after = Some(last.handle.clone());
        }
    }

    /// Compares where labels point. Each move was compared with its line; this is what the target
    /// made of them. Where it had labels before, what is in it cannot be told apart.
    pub(super) fn compare_labels(&mut self) -> Result<(), TransferError> {
        if self.start.before != Counts::default() {
            return Ok(());
        }
        verify::labels(self.source.side(), self.target.side())
    }
}
