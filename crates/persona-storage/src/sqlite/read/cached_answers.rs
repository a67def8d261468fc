//! Answers by identity, within a bound of bytes.
//!
//! Which answer makes room for another one is left to a library (S3-FIFO and CLOCK-PRO, as
//! `quick_cache` does it): personas that are read once, as by a client that walks through all of
//! them, do not take the place of those that are read again and again.
//!
//! An answer that was read by a handle is found by it too: what is kept beside it says by which,
//! and a table of hints leads to it. A hint that leads to nothing, or to an answer that says
//! another handle, only costs a read.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use persona_model::{LabelName, PersonaId};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::fault_injection::{InjectedFault, is_on};
use crate::handle::Handle;
use crate::{Glance, Labelled, Representation};

/// Bytes that an entry takes up besides the text of its answer: the entry itself, its place in the
/// table, what is remembered of one that was evicted, what the allocator adds to the text, and the
/// tables' room for growth, which can be as much as they hold. A test compares it with what is
/// allocated.
const ENTRY_BYTES: usize = 512;
/// Bytes of an entry by which the number of entries is estimated: a persona of 2 KiB. It decides
/// how many evicted ones are remembered.
const ENTRY_BYTES_USUAL: usize = 2048 + ENTRY_BYTES;
/// An answer that would take up more than this part of the whole is not kept: it would take the
/// place of many that are asked for more often.
const PARTS_OF_ONE_ANSWER: usize = 16;

/// Most labels of a persona by which an answer is kept, such as production and staging.
const LABELS_MAX: usize = 4;
/// Bytes that what was read by a label takes up besides its owner, its author and the text: the
/// entry, its place in the list, the word, and what the allocator adds to each of them. A test
/// compares it with what is allocated.
const LABEL_BYTES: usize = 320;

/// What an allocator adds to the texts of a handle.
const HANDLE_OVERHEAD: usize = 64;
/// What of the whole is for hints: each is two numbers, with room for growth.
const PARTS_OF_HINTS: usize = 32;

/// Counts what an entry takes up.
#[derive(Clone)]
struct Bytes;

impl Weighter<PersonaId, Kept> for Bytes {
    fn weight(&self, _id: &PersonaId, kept: &Kept) -> u64 {
        kept.bytes() as u64
    }
}

/// What is kept of one persona. It is dropped as a whole, because a change of the persona can
/// concern all of it: whether it is deleted, its owner, where its labels point. A state that is
/// kept twice, as the current one and by labels, has one text.
#[derive(Clone, Default)]
struct Kept {
    /// The current state of the persona.
    current: Option<Representation>,
    /// What was read by its labels, at most [`LABELS_MAX`], the last one last.
    labelled: Vec<Arc<Labelled>>,
    /// The handle by which its current state was read, of a living persona.
    handle: Option<Box<Handle>>,
}

impl Kept {
    fn bytes(&self) -> usize {
        let of_handle = |handle: &Handle| {
            size_of::<Handle>() + handle.owner.len() + handle.handle.len() + HANDLE_OVERHEAD
        };
        let handle = self.handle.as_deref().map_or(0, of_handle);
        let labelled = self.labelled.iter().map(|one| bytes_of_label(one)).sum::<usize>();
        let mut texts = 0;
        for (place, answer) in self.answers().enumerate() {
            let is_counted = self.answers().take(place).any(|before| is_one_text(before, answer));
            texts += if is_counted { 0 } else { answer.body.len() };
        }
        ENTRY_BYTES + texts + labelled + handle
    }

    /// What stays although the persona was changed: nothing without a fault.
    fn left_by_a_fault(self) -> Option<Self> {
        if is_on(InjectedFault::KeepCachedLabels) {
            return Some(Self { current: None, handle: None, ..self });
        }
        is_on(InjectedFault::KeepCachedHandles).then(|| Self { labelled: Vec::new(), ..self })
    }

    /// The states that are kept, by which ways ever.
    fn answers(&self) -> impl Iterator<Item = &Representation> {
        let labelled = self.labelled.iter().filter_map(|found| found.whole());
        self.current.iter().chain(labelled.map(|(_, answer)| answer))
    }

    /// A state that was read again, with the text that is kept of it.
    fn shared(&self, answer: Representation) -> Representation {
        self.answers().find(|kept| **kept == answer).cloned().unwrap_or(answer)
    }

    /// The same for what was read by a label.
    fn shared_by_label(&self, found: &Arc<Labelled>) -> Arc<Labelled> {
        let kept = found.whole().and_then(|(_, read)| self.answers().find(|kept| *kept == read));
        kept.map_or_else(
            || Arc::clone(found),
            |kept| {
                Arc::new(Labelled { found: Glance::Whole(Some(kept.clone())), ..(**found).clone() })
            },
        )
    }
}

/// By which label something was read.
fn word_of(found: &Labelled) -> Option<&LabelName> {
    found.label.as_ref().map(|label| &label.name)
}

/// Whether two answers have one text in memory, and not two that are equal.
fn is_one_text(one: &Representation, other: &Representation) -> bool {
    one.body.as_ptr() == other.body.as_ptr()
}

/// What is kept of a label beside the text of its persona.
fn bytes_of_label(found: &Labelled) -> usize {
    let author =
        found.label.as_ref().and_then(|label| label.author.as_ref()).map_or(0, String::len);
    LABEL_BYTES + found.owner.len() + author
}

/// The answers of one process.
pub(super) struct CachedAnswers {
    cache: Cache<PersonaId, Kept, Bytes>,
    answer_bytes_max: usize,
    /// The identities of personas by the hashes of their handles.
    hints: Cache<u64, PersonaId>,
    hasher: RandomState,
}

impl CachedAnswers {
    /// Makes room for this many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        let entries = bytes_max / ENTRY_BYTES_USUAL;
        let for_answers = bytes_max - bytes_max / PARTS_OF_HINTS;
        Self {
            cache: Cache::with_weighter(entries, for_answers as u64, Bytes),
            answer_bytes_max: bytes_max / PARTS_OF_ONE_ANSWER,
            hints: Cache::new(entries),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn get(&self, id: PersonaId) -> Option<&Representation> {
        self.cache.get(&id)?.current.as_ref()
    }

    /// What was read by a label, if that is kept.
    pub(super) fn by_label(&self, id: PersonaId, name: &LabelName) -> Option<&Arc<Labelled>> {
        self.cache.get(&id)?.labelled.iter().find(|one| word_of(one) == Some(name))
    }

    /// The answer of the living persona that an owner calls so. As long as it is current, no other
    /// persona of the owner has the handle.
    pub(super) fn by_handle(&self, owner: &str, handle: &str) -> Option<&Representation> {
        let id = self.hints.get(&self.hasher.hash_one((owner, handle)))?;
        let kept = self.cache.get(id)?;
        let known = kept.handle.as_deref()?;
        kept.current.as_ref().filter(|_| known.owner == owner && known.handle == handle)
    }

    /// Keeps an answer, unless it is too large a part of the whole.
    pub(super) fn insert(&mut self, answer: Representation) {
        if ENTRY_BYTES + answer.body.len() <= self.answer_bytes_max {
            let id = answer.id;
            let kept = self.kept(id);
            self.cache.insert(id, Kept { current: Some(kept.shared(answer)), ..kept });
        }
    }

    /// The same for an answer that was read by the handle that its living persona has.
    pub(super) fn insert_by_handle(&mut self, answer: Representation, handle: Handle) {
        if ENTRY_BYTES + answer.body.len() <= self.answer_bytes_max {
            let id = answer.id;
            let hash = self.hasher.hash_one((&*handle.owner, &*handle.handle));
            let kept = self.kept(id);
            let current = Some(kept.shared(answer));
            self.cache.insert(id, Kept { current, handle: Some(Box::new(handle)), ..kept });
            self.hints.insert(hash, id);
        }
    }

    /// Keeps what was read by a label, unless it is too large a part of the whole.
    pub(super) fn insert_by_label(&mut self, id: PersonaId, found: &Arc<Labelled>) {
        let text = found.whole().map_or(0, |(_, answer)| answer.body.len());
        if ENTRY_BYTES + bytes_of_label(found) + text > self.answer_bytes_max {
            return;
        }
        let mut kept = self.kept(id);
        kept.labelled.retain(|one| word_of(one) != word_of(found));
        if kept.labelled.len() >= LABELS_MAX {
            kept.labelled.remove(0);
        }
        kept.labelled.push(kept.shared_by_label(found));
        self.cache.insert(id, kept);
    }

    /// What is kept of a persona. Nothing of it has changed since it was read.
    fn kept(&self, id: PersonaId) -> Kept {
        self.cache.peek(&id).cloned().unwrap_or_default()
    }

    pub(super) fn remove(&mut self, id: PersonaId) {
        let removed = self.cache.remove(&id);
        if let Some(left) = removed.and_then(|(_, kept)| kept.left_by_a_fault()) {
            self.cache.insert(id, left);
        }
    }

    pub(super) fn clear(&mut self) {
        self.cache.clear();
        self.hints.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cache.is_empty()
    }

    /// Bytes that the answers take up, with everything around them.
    pub(super) fn bytes(&self) -> u64 {
        self.cache.weight()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use persona_model::{LabelName, LabelTag, PersonaId, Revision, Timestamp};

    use super::{CachedAnswers, Kept};
    use crate::handle::Handle;
    use crate::{Glance, Label, Labelled, Representation};

    const BYTES_MAX: usize = 4 * 1024 * 1024;
    /// What an allocator adds to a text, and what its owner needs besides: more than any that is in
    /// use adds.
    const TEXT_OVERHEAD: usize = 64;

    fn answer(number: u64, bytes: usize) -> Representation {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Representation {
            id: PersonaId::from_bytes(id),
            revision: Revision::FIRST,
            checksum: 7,
            deleted: false,
            body: vec![b'x'; bytes].into(),
        }
    }

    /// What an allocator adds to a block of the size of an entry.
    const BLOCK_OVERHEAD: usize = 16;

    fn by_label(word: &str, answer: Representation) -> Arc<Labelled> {
        let label = Label {
            name: LabelName::parse(word).expect("a label"),
            revision: answer.revision,
            tag: LabelTag { version: 1, checksum: 7 },
            at: Timestamp::from_micros(0),
            author: Some("ada".into()),
        };
        let found = Glance::Whole(Some(answer));
        Arc::new(Labelled { owner: "bea".into(), deleted: false, label: Some(label), found })
    }

    /// Bytes of what is kept by labels, without texts of personas.
    fn taken_by_labels(kept: &Kept) -> usize {
        let list = kept.labelled.capacity() * size_of::<Arc<Labelled>>();
        let of_label = |found: &Arc<Labelled>| {
            let word = found.label.as_ref().map_or(0, |label| label.name.as_str().len());
            let blocks =
                size_of::<[usize; 2]>() + size_of::<Labelled>() + word + "ada".len() + "bea".len();
            blocks + 4 * BLOCK_OVERHEAD
        };
        let labels: usize = kept.labelled.iter().map(of_label).sum();
        if kept.labelled.is_empty() { 0 } else { list + BLOCK_OVERHEAD + labels }
    }

    #[test]
    fn what_is_counted_for_an_answer_is_not_less_than_what_it_takes_up() {
        // The smallest answers have the most entries, and so the most tables beside their texts.
        for bytes in [1, 300, 2_000, 60_000] {
            let mut answers = CachedAnswers::new(BYTES_MAX);
            for number in 0..4 * (BYTES_MAX / (bytes + 100)) as u64 {
                let handle = Handle { owner: "ada".into(), handle: format!("h-{number}") };
                let read = answer(number, bytes);
                match number % 4 {
                    0 => answers.insert_by_handle(read, handle),
                    1 => answers.insert(read),
                    2 => answers.insert_by_label(read.id, &by_label("production", read.clone())),
                    _ => {
                        answers.insert(read);
                        let again = answer(number, bytes);
                        answers.insert_by_label(again.id, &by_label("production", again.clone()));
                    }
                }
                // Some are asked for again, so that both lists of the cache are filled.
                answers.get(answer(number / 2, 0).id);
            }
            let texts = answers.cache.len() * (bytes + TEXT_OVERHEAD);
            let handles = answers.cache.iter().filter_map(|(_, kept)| kept.handle.as_deref());
            let handles: usize = handles
                .map(|handle| size_of::<Handle>() + handle.handle.len() + TEXT_OVERHEAD)
                .sum();
            let tables = answers.cache.memory_used().total() + answers.hints.memory_used().total();
            let labels: usize = answers.cache.iter().map(|(_, kept)| taken_by_labels(kept)).sum();
            let taken = texts + handles + labels + tables;
            let counted = usize::try_from(answers.bytes()).expect("a size");
            assert!(taken <= BYTES_MAX, "{bytes}: {taken} of {BYTES_MAX} bytes, {counted} counted");
            assert!(counted > BYTES_MAX * 9 / 10, "{bytes}: only {counted} bytes are in use");
        }
    }

    #[test]
    fn an_answer_is_found_by_the_handle_that_it_was_read_by_as_long_as_it_is_kept() {
        let mut answers = CachedAnswers::new(BYTES_MAX);
        let handle = |owner: &str| Handle { owner: owner.into(), handle: "ada".into() };
        answers.insert(answer(3, 10));
        answers.insert_by_handle(answer(1, 10), handle(""));
        answers.insert_by_handle(answer(2, 10), handle("bea"));
        let found = |answers: &CachedAnswers, owner: &str| {
            answers.by_handle(owner, "ada").map(|answer| answer.id)
        };
        let expected = |answers: &CachedAnswers, one: Option<u64>, two: Option<u64>| {
            let [one, two] = [one, two].map(|number| number.map(|number| answer(number, 0).id));
            assert_eq!(
                [found(answers, ""), found(answers, "bea"), found(answers, "cy")],
                [one, two, None]
            );
        };
        expected(&answers, Some(1), Some(2));
        // What is read by its identity after that is the same state.
        answers.insert(answer(1, 10));
        expected(&answers, Some(1), Some(2));
        // A change drops all of it, and the identity alone says nothing of the handle.
        answers.remove(answer(1, 0).id);
        answers.insert(answer(1, 10));
        expected(&answers, None, Some(2));
        // Another persona has it now.
        answers.insert_by_handle(answer(3, 10), handle(""));
        expected(&answers, Some(3), Some(2));
    }

    #[test]
    fn a_state_that_is_kept_by_several_ways_has_one_text() {
        let mut answers = CachedAnswers::new(BYTES_MAX);
        let read = || answer(1, 10_000);
        let id = read().id;
        answers.insert_by_label(id, &by_label("production", read()));
        let alone = answers.bytes();
        answers.insert(read());
        assert_eq!(answers.bytes(), alone);
        answers.insert_by_label(id, &by_label("staging", read()));
        let body = |word: &str| {
            let name = LabelName::parse(word).expect("a label");
            let found = answers.by_label(id, &name).expect("kept");
            found.whole().expect("a revision").1.body.as_ptr()
        };
        let current = answers.get(id).expect("kept").body.as_ptr();
        assert_eq!([body("production"), body("staging")], [current; 2]);
        assert!(answers.bytes() < alone + 1_000);
        // Another state has another text.
        let older = Representation { revision: Revision::new(2).expect("one"), ..read() };
        answers.insert_by_label(id, &by_label("first", older));
        assert!(answers.bytes() > alone + 10_000);
    }
}
