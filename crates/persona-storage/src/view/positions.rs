//! Places in the feed, as far as a viewer may know their lines.
//!
//! The feed is one for all owners, so the line of a place can be of a persona that the viewer does
//! not reach. The proof of a place follows from the line. With it, a viewer that knows the identity
//! of such a persona could find out when the persona was changed. So a viewer that is bound to an
//! owner gets proofs that are made with the epoch of the database, which no client knows.

use persona_model::{Cursor, FeedPlace, ListRequest, Position, Since};

use super::View;
use crate::fault_injection::{InjectedFault, is_on};
use crate::{Error, Page};

impl View<'_> {
    /// See [`Store::list`](crate::Store::list).
    pub async fn list(&self, mut request: ListRequest) -> Result<Page, Error> {
        request.filter.reach = self.reach();
        if !self.seals() || request.filter.updated_since.is_none() {
            return self.store.list(request).await;
        }
        let (told, sort) = (request.filter.clone(), request.sort);
        if let Some(Since::Position(position)) = &mut request.filter.updated_since {
            let meant = self.meant(FeedPlace::from(*position)).await?;
            position.proof = meant.proof.unwrap_or(position.proof);
        }
        let meant = request.filter.clone();
        let mut page = self.store.list(request).await?;
        // A cursor names the filter of its list, which is the one that the viewer knows.
        let cursor = page.next_cursor.map(|text| Cursor::decode(&text, &meant, sort)).transpose();
        let cursor =
            cursor.map_err(|error| Error::Damaged(format!("its own cursor is {error}")))?;
        page.next_cursor = cursor.map(|cursor| cursor.encode(&told, sort));
        if let Some(position) = &mut page.position {
            *position = self.sealed(*position).await?;
        }
        Ok(page)
    }

    /// A place in the form in which the viewer is told of it.
    ///
    /// # Errors
    ///
    /// The store failed, as in [`Self::meant`].
    pub async fn told(&self, place: FeedPlace) -> Result<FeedPlace, Error> {
        let Some(proof) = place.proof else { return Ok(place) };
        let position = Position { sequence: place.sequence, proof };
        Ok(self.sealed(position).await?.into())
    }

    /// The place that the viewer means. It has the proof that it was told, or that of a line which
    /// the viewer reaches: that of any other line would confirm a guess.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPosition`] where the place is no place of this feed for the viewer.
    pub async fn meant(&self, place: FeedPlace) -> Result<FeedPlace, Error> {
        let Some(proof) = place.proof.filter(|_| self.seals() && place.sequence > 0) else {
            return Ok(place);
        };
        let lines = self.store.changes_after(place.sequence - 1, 1).await?;
        let line = lines.first().filter(|line| line.sequence == place.sequence);
        let line = line.ok_or(Error::UnknownPosition)?;
        let position = Position::of(line);
        let is_known = self.sealed(position).await?.proof == proof
            || position.proof == proof && self.reaches(line.persona).await?;
        if is_known { Ok(position.into()) } else { Err(Error::UnknownPosition) }
    }

    fn seals(&self) -> bool {
        self.viewer.is_bound() && !is_on(InjectedFault::UnsealPlaces)
    }

    async fn sealed(&self, position: Position) -> Result<Position, Error> {
        if !self.seals() {
            return Ok(position);
        }
        Ok(position.sealed(&self.store.epoch().await?))
    }
}
