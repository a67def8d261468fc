//! `POST /api/v1/import?mode=validate`: what an import would do, found with reads alone.
//!
//! The items are judged one after the other, in the order of the file, by the store as it is now
//! and by what the items before would have made of it: a handle is taken also where an earlier item
//! would take it. An import writes items of different personas at the same time, so of two that
//! want one handle it may be the other one that fails.

use std::collections::HashMap;

use persona_formats::Item;
use persona_model::{Document, PersonaId};
use persona_storage::{Error, View, Viewer};

use super::import_identities::{GIVEN_AWAY_MAX, derived_id};
use super::import_personas::{Done, document_of, has_content_of};
use crate::Context;
use crate::contract::import::ImportStatus;
use crate::contract::parameters::OnDuplicate;
use crate::problem::Problem;

/// A dry run of an import.
pub(super) struct DryRun<'a> {
    view: View<'a>,
    on_duplicate: OnDuplicate,
    document_bytes_max: usize,
    /// The personas that earlier items would have written.
    written: HashMap<PersonaId, Document>,
    /// By owner and handle, the personas that would have taken the handle.
    takers: HashMap<(String, String), PersonaId>,
}

impl<'a> DryRun<'a> {
    /// Begins one for a client.
    pub(super) fn new(context: &'a Context, viewer: &'a Viewer, on_duplicate: OnDuplicate) -> Self {
        Self {
            view: context.store.view(viewer),
            on_duplicate,
            document_bytes_max: context.document_bytes_max,
            written: HashMap::new(),
            takers: HashMap::new(),
        }
    }

    /// What would become of each item.
    pub(super) async fn items(mut self, items: &[(usize, Item)]) -> Vec<(usize, Done)> {
        let mut all = Vec::with_capacity(items.len());
        for (place, item) in items {
            let done = match Done::without_a_look(item) {
                Some(done) => done,
                None => self.own_item(item).await.unwrap_or_else(|problem| Done::refused(&problem)),
            };
            all.push((*place, done));
            // A file has thousands of items, and a look into a file waits for nothing.
            tokio::task::yield_now().await;
        }
        all
    }

    /// Judges an item under the identity that an import would find for it: the first one behind
    /// those of personas that were given to other owners.
    async fn own_item(&mut self, item: &Item) -> Result<Done, Problem> {
        let Some(owner) = self.view.viewer().reach().owner() else { return self.item(item).await };
        let owner = owner.as_str().to_owned();
        let mut item = item.clone();
        for attempt in 0..GIVEN_AWAY_MAX {
            if !self.view.is_hidden(item.id).await? {
                let done = self.item(&item).await?;
                return Ok(if attempt > 0 { done.of(item.id) } else { done });
            }
            item.id = derived_id(&owner, item.id);
        }
        Ok(Done::failed("each persona that it became was given to another owner"))
    }

    async fn item(&mut self, item: &Item) -> Result<Done, Problem> {
        let before = match self.written.get(&item.id) {
            Some(written) => Some(written.clone()),
            None => match self.view.get(item.id).await? {
                Some(current) if current.deleted => return Ok(ImportStatus::Deleted.into()),
                current => current.as_ref().and_then(document_of),
            },
        };
        let Some(before) = before else {
            self.write(item, None).await?;
            return Ok(ImportStatus::New.into());
        };
        if has_content_of(&before, &item.document) {
            return Ok(ImportStatus::Unchanged.into());
        }
        match self.on_duplicate {
            OnDuplicate::Skip => Ok(ImportStatus::Differs.into()),
            OnDuplicate::KeepBoth => {
                self.check_owner(&item.document)?;
                Ok(ImportStatus::New.into())
            }
            OnDuplicate::Update => {
                self.write(item, Some(&before)).await?;
                Ok(ImportStatus::WouldUpdate.into())
            }
        }
    }

    /// Notes what a write of an item would make of its persona.
    ///
    /// # Errors
    ///
    /// The problem with which the write would be refused.
    async fn write(&mut self, item: &Item, before: Option<&Document>) -> Result<(), Problem> {
        let refused = |error| Problem::of_persona(item.id, error);
        self.check_owner(&item.document)?;
        let fits = item.document.check_bytes(self.document_bytes_max, before);
        fits.map_err(|invalid| refused(Error::Invalid(invalid)))?;
        let taken = handle_of(&item.document);
        if let Some(taken) = &taken
            && let Some(holder) = self.holder_of(&item.document, taken).await?
            && holder != item.id
        {
            return Err(refused(Error::HandleTaken { handle: taken.1.clone(), holder }));
        }
        if let Some(given_up) = before.and_then(handle_of) {
            self.takers.remove(&given_up);
        }
        if let Some(taken) = taken {
            self.takers.insert(taken, item.id);
        }
        self.written.insert(item.id, item.document.clone());
        Ok(())
    }

    /// The persona that would have the handle of a document.
    async fn holder_of(
        &self,
        document: &Document,
        wanted: &(String, String),
    ) -> Result<Option<PersonaId>, Problem> {
        if let Some(taker) = self.takers.get(wanted) {
            return Ok(Some(*taker));
        }
        let holder = self.view.holder_of(document).await?;
        let gave_it_up = |holder: &PersonaId| {
            self.written
                .get(holder)
                .is_some_and(|written| handle_of(written).as_ref() != Some(wanted))
        };
        Ok(holder.filter(|holder| !gave_it_up(holder)))
    }

    /// Refuses a persona of another owner than the one that the client is bound to.
    fn check_owner(&self, document: &Document) -> Result<(), Problem> {
        match self.view.viewer().reach().owner() {
            Some(owner) if owner.as_str() != document.owner_word() => {
                Err(Problem::from(Error::OwnerRefused { owner: owner.clone() }))
            }
            _ => Ok(()),
        }
    }
}

/// Owner and handle of a document with a handle.
fn handle_of(document: &Document) -> Option<(String, String)> {
    let handle = document.handle()?;
    Some((document.owner_word().to_owned(), handle.to_owned()))
}
