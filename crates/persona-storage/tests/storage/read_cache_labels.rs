//! Reads by a label come from the cache of reads too, and are as strict as a SELECT.

use persona_model::{LabelName, Precondition};
use persona_storage::conformance::{id, label_move, soon};
use persona_storage::{Glance, LabelMoves, LabelTarget, Operation, Store};

use crate::files::Folder;
use crate::read_cache::{Worker, two_workers};

fn name(word: &str) -> LabelName {
    LabelName::parse(word).expect("a label")
}

impl Worker {
    async fn point(&self, number: u8, label: &str, target: LabelTarget) {
        let moves = LabelMoves::one(label_move(number, label, target), soon());
        self.store.move_labels(moves).await.expect("moved");
    }

    /// The revision that a label points to, read by it; `None` where there is nothing to read.
    async fn by_label(&self, number: u8, label: &str) -> Option<u64> {
        let found = self.store.labelled(id(number), &name(label)).await.expect("readable")?;
        let (label, answer) = found.whole()?;
        assert_eq!(label.revision, answer.revision);
        Some(answer.revision.number())
    }

    /// Reads by a label, which has to be answered from the cache.
    async fn by_label_from_cache(&self, number: u8, label: &str) -> Option<u64> {
        let before = self.counts.hits();
        let found = self.by_label(number, label).await;
        assert_eq!(self.counts.hits(), before + 1, "it comes from the cache");
        found
    }
}

async fn labelled() -> (Folder, Worker, Worker) {
    let (folder, writer, reader) = two_workers().await;
    for number in [1, 2] {
        writer.patch(number, 1).await;
        writer.point(number, "production", LabelTarget::Latest).await;
        assert_eq!(reader.by_label(number, "production").await, Some(2));
        assert_eq!(reader.by_label_from_cache(number, "production").await, Some(2));
    }
    (folder, writer, reader)
}

#[tokio::test]
async fn a_move_by_another_worker_is_seen_at_once_and_others_stay_in_the_cache() {
    let (_folder, writer, reader) = labelled().await;
    for round in 2..=30 {
        writer.patch(1, round).await;
        writer.point(1, "production", LabelTarget::Latest).await;
        assert_eq!(reader.by_label(1, "production").await, Some(round + 1));
        assert_eq!(reader.by_label_from_cache(1, "production").await, Some(round + 1));
        assert_eq!(reader.by_label_from_cache(2, "production").await, Some(2));
    }
    writer.point(1, "production", LabelTarget::Nowhere).await;
    assert_eq!(reader.by_label(1, "production").await, None);
    writer.point(1, "production", LabelTarget::Latest).await;
    assert_eq!(reader.by_label(1, "production").await, Some(31), "absence is never kept");
    assert_eq!(reader.counts.clears(), 0, "every commit was one of this program");
}

#[tokio::test]
async fn a_change_of_the_persona_is_seen_by_a_label_too_and_each_label_is_kept_for_itself() {
    let (_folder, writer, reader) = labelled().await;
    let first = LabelTarget::Revision(persona_model::Revision::FIRST);
    writer.point(1, "first", first).await;
    for _ in 0..2 {
        assert_eq!(reader.by_label(1, "first").await, Some(1));
        assert_eq!(reader.by_label(1, "production").await, Some(2));
        assert_eq!(reader.read(id(1)).await.revision.number(), 2);
    }
    assert_eq!(reader.by_label_from_cache(1, "first").await, Some(1));
    assert_eq!(reader.by_label_from_cache(1, "production").await, Some(2));
    assert_eq!(reader.cached(id(1)).await.revision.number(), 2);
    writer.write(Operation::Delete { id: id(1), precondition: Precondition::Any }).await;
    let found = reader.store.labelled(id(1), &name("first")).await.expect("readable");
    let found = found.expect("it exists");
    assert!(found.deleted && matches!(found.found, Glance::Whole(Some(_))));
    writer.write(Operation::Undelete { id: id(1), precondition: Precondition::Any }).await;
    assert_eq!(reader.by_label(1, "first").await, Some(1));
}

#[tokio::test]
async fn a_persona_with_many_labels_takes_no_more_room_than_some_of_them_need() {
    let (_folder, writer, reader) = labelled().await;
    let word = |number: u8| format!("l{number}");
    for number in 0..60 {
        writer.point(1, &word(number), LabelTarget::Latest).await;
    }
    let bytes = || reader.counts.bytes.load(std::sync::atomic::Ordering::SeqCst);
    for number in 0..60 {
        reader.by_label(1, &word(number)).await;
    }
    let some = bytes();
    assert_eq!(reader.by_label_from_cache(1, &word(59)).await, Some(2));
    assert_eq!(reader.by_label_from_cache(1, &word(56)).await, Some(2));
    let before = reader.counts.hits();
    assert_eq!(reader.by_label(1, &word(0)).await, Some(2));
    assert_eq!(reader.counts.hits(), before, "the first made room for the last");
    assert!(bytes() <= some + 64, "{} after {some}", bytes());
}
