//! What filters look at and an event itself does not tell: the tags and the owners that its persona
//! had before and after the change.

use persona_model::{Change, ChangeKind, Revision, folded_tag, owner_word_in};
use persona_storage::{Error, Glance, GuardedStore, Representation, View, Viewer};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Tags and owners, by their hashes. `None` where they are not known, because a revision is not
/// there: then the followers of all of them are told.
pub(super) struct Marks {
    pub tags: Option<Box<[u64]>>,
    pub owners: Option<Box<[u64]>>,
}

/// The same while revisions are read.
struct Found {
    tags: Option<Vec<u64>>,
    owners: Option<Vec<u64>>,
}

/// A revision that was looked for.
enum Seen {
    There(Representation),
    /// It was dropped from the history, or imports left it out.
    NotKept,
    /// The persona was purged.
    Purged,
}

impl Marks {
    /// Reads the marks of a change.
    ///
    /// All followers share them, so they are read without the viewer of a follower. This reveals
    /// nothing: marks only select among events that the follower may see.
    pub(super) async fn of(change: &Change, store: &GuardedStore) -> Result<Self, Error> {
        let everyone = Viewer::trusted();
        let view = store.view(&everyone);
        let mut found = Found { tags: Some(Vec::new()), owners: Some(Vec::new()) };
        match seen(revision(change, view).await)? {
            Seen::There(persona) => found.add(&persona.body)?,
            Seen::NotKept => found = Found { tags: None, owners: None },
            Seen::Purged => {}
        }
        if let Some(before) = before(change).filter(|_| found.tags.is_some()) {
            let record = view.revision(change.persona, before).await;
            match seen(record.map(|record| record.map(|record| record.representation)))? {
                Seen::There(persona) => found.add(&persona.body)?,
                Seen::NotKept => found.forget_what_changed(change, view).await?,
                Seen::Purged => {}
            }
        }
        // The move of a label names any revision of the persona, also one of an earlier owner. Of a
        // purged persona the last owner is known.
        if change.kind.is_of_label() || found.owners.as_ref().is_some_and(Vec::is_empty) {
            let owner = view.owner(change.persona).await?;
            found.owners = owner.map(|word| vec![hash(&word)]);
        }
        let sorted = |mut hashes: Vec<u64>| {
            hashes.sort_unstable();
            hashes.dedup();
            hashes.into_boxed_slice()
        };
        Ok(Self { tags: found.tags.map(sorted), owners: found.owners.map(sorted) })
    }
}

impl Found {
    fn add(&mut self, persona: &[u8]) -> Result<(), Error> {
        let damaged =
            |what: &str| Error::Damaged(format!("a stored answer cannot be read: {what}"));
        let read: Value =
            serde_json::from_slice(persona).map_err(|error| damaged(&error.to_string()))?;
        if let Some(tags) = &mut self.tags {
            let texts = read["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
            tags.extend(texts.map(|tag| hash(&folded_tag(tag))));
        }
        if let Some(owners) = &mut self.owners {
            let word = owner_word_in(persona).ok_or_else(|| damaged("it names no owner"))?;
            owners.push(hash(word));
        }
        Ok(())
    }

    /// Forgets what the change, or one before it that is not kept, did change.
    async fn forget_what_changed(&mut self, change: &Change, view: View<'_>) -> Result<(), Error> {
        let record = match view.revision(change.persona, change.revision).await {
            Err(Error::Purged { .. } | Error::RevisionDropped { .. }) => None,
            record => record?,
        };
        let did = |name: &str| {
            record.as_ref().is_none_or(|record| record.changed.iter().any(|field| field == name))
        };
        if did("tags") {
            self.tags = None;
        }
        if did("owner") {
            self.owners = None;
        }
        Ok(())
    }
}

/// The persona at the revision of a change.
pub(super) async fn revision(
    change: &Change,
    view: View<'_>,
) -> Result<Option<Representation>, Error> {
    let (id, revision) = (change.persona, change.revision);
    if let Glance::Whole(found) = view.glance(id, Some(revision)).await? {
        return Ok(found);
    }
    let record = view.revision(id, revision).await?;
    Ok(record.map(|record| record.representation))
}

/// The revision before a change. The first one of a persona can have any number, because imports
/// keep numbers.
fn before(change: &Change) -> Option<Revision> {
    let number = change.revision.number().checked_sub(1)?;
    Revision::new(number).filter(|_| change.kind != ChangeKind::Created)
}

fn seen(found: Result<Option<Representation>, Error>) -> Result<Seen, Error> {
    match found {
        Ok(Some(persona)) => Ok(Seen::There(persona)),
        Ok(None) | Err(Error::RevisionDropped { .. }) => Ok(Seen::NotKept),
        Err(Error::Purged { .. }) => Ok(Seen::Purged),
        Err(error) => Err(error),
    }
}

/// The hash of a folded tag or of an owner, 8 bytes, which is kept instead of it to save memory.
pub(super) fn hash(word: &str) -> u64 {
    let digest = Sha256::digest(word);
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}
