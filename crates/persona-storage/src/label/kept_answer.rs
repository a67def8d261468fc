//! The answer to moves with an idempotency key, as it is kept beside the key: a repetition of them
//! gets it again. Of what the request says itself only the personas are in it, so that the answers
//! about a persona that is purged are found: the labels are not.

use persona_model::{PersonaId, Revision, Timestamp};

use super::moves::{LabelMove, LabelMoves, MovedLabel};
use super::record::{Label, MoveRecord};
use crate::Error;

/// Version, revision, time and author of the move that a label stands at.
type KeptMove = (u64, u64, i64, Option<String>);

/// One answer: the persona, whether the label was moved, where it pointed before, and the move that
/// it stands at since; `None` where it was removed.
type Kept = (String, bool, Option<u64>, Option<KeptMove>);

/// One answer without its persona, as schema 14 of SQLite and 9 of PostgreSQL kept it.
type KeptBefore = (bool, Option<u64>, Option<KeptMove>);

/// The text that is kept instead of answers about a persona that was purged: a repetition is told
/// of the purge.
pub(crate) const FORGOTTEN: &str = "[]";

/// A part of each kept text that tells of this persona, and of no other one.
pub(crate) fn mark_of(persona: PersonaId) -> String {
    format!("[\"{persona}\",")
}

/// The text that is kept of the answers to moves.
pub(crate) fn kept_text(moves: &LabelMoves, told: &[MovedLabel]) -> String {
    let kept = |(of, one): (&LabelMove, &MovedLabel)| -> Kept {
        let label = one.label.as_ref().map(|label| {
            let (version, revision) = (label.tag.version, label.revision.number());
            (version, revision, label.at.as_micros(), label.author.clone())
        });
        (of.persona.to_string(), one.is_moved, one.before.map(Revision::number), label)
    };
    let all: Vec<Kept> = moves.moves().iter().zip(told).map(kept).collect();
    serde_json::to_string(&all).expect("numbers and texts are JSON")
}

/// The answers that a text keeps, to a repetition of these moves.
///
/// # Errors
///
/// [`Error::KeyReused`] where the text is of other personas: a request names a persona by its
/// handle too, which may lead to another one by now. [`Error::Damaged`] where it is no such text.
pub(crate) fn read_kept(text: &str, moves: &LabelMoves) -> Result<Vec<MovedLabel>, Error> {
    let damaged = || Error::Damaged("an answer to moves of labels is none".into());
    let all: Vec<Kept> = serde_json::from_str(text)
        .ok()
        .or_else(|| read_kept_before(text, moves))
        .ok_or_else(damaged)?;
    let asked = moves.moves().iter().map(|one| one.persona.to_string());
    if !asked.eq(all.iter().map(|(persona, ..)| persona.as_str())) {
        return Err(Error::KeyReused);
    }
    let answers = all.into_iter().zip(moves.moves()).map(|(kept, one)| answer(kept, one));
    answers.collect::<Option<_>>().ok_or_else(damaged)
}

fn read_kept_before(text: &str, moves: &LabelMoves) -> Option<Vec<Kept>> {
    let all: Vec<KeptBefore> = serde_json::from_str(text).ok()?;
    let of = |((is_moved, before, label), one): (KeptBefore, &LabelMove)| {
        (one.persona.to_string(), is_moved, before, label)
    };
    (all.len() == moves.moves().len()).then(|| all.into_iter().zip(moves.moves()).map(of).collect())
}

fn answer((_, is_moved, before, kept): Kept, one: &LabelMove) -> Option<MovedLabel> {
    let label = match kept {
        None => None,
        Some((version, revision, at, author)) => {
            let revision = Some(Revision::new(revision)?);
            let record = MoveRecord { version, revision, at: Timestamp::from_micros(at), author };
            Some(Label::after(one.persona, &one.name, &record)?)
        }
    };
    let before = match before {
        None => None,
        Some(before) => Some(Revision::new(before)?),
    };
    Some(MovedLabel { before, label, is_moved, replayed: true })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use persona_model::{LabelName, PersonaId, Revision, Timestamp};

    use super::{FORGOTTEN, kept_text, mark_of, read_kept};
    use crate::Error;
    use crate::label::{Label, LabelMove, LabelMoves, LabelTarget, MoveRecord, MovedLabel};

    #[test]
    fn an_answer_reads_back_as_it_was_given_and_only_for_as_many_moves() {
        let persona = PersonaId::from_bytes([1; 16]);
        let name = |word: &str| LabelName::parse(word).expect("a label");
        let to_latest = |word: &str| LabelMove::new(persona, name(word), LabelTarget::Latest);
        let label = |word: &str, author: Option<&str>| {
            let record = MoveRecord {
                version: 3,
                revision: Revision::new(7),
                at: Timestamp::from_micros(-5),
                author: author.map(str::to_owned),
            };
            Label::after(persona, &name(word), &record)
        };
        let told = |before, label, is_moved| MovedLabel { before, label, is_moved, replayed: true };
        let answers = [
            told(None, label("a", Some("Ada \"ä\"")), true),
            told(Revision::new(7), label("b", None), false),
            told(Revision::new(2), None, true),
        ];
        let moves = ["a", "b", "c"].map(to_latest).to_vec();
        let moves = LabelMoves::new(moves, Instant::now()).expect("some");
        let text = kept_text(&moves, &answers);
        assert_eq!(text.matches(&mark_of(persona)).count(), 3, "{text}");
        let read = |text: &str| read_kept(text, &moves).expect("its answers");
        assert_eq!(read(&text), answers);
        let before = text.replace(&format!("\"{persona}\","), "");
        assert_eq!(read(&before), answers, "{before}");
        let fewer = LabelMoves::one(to_latest("a"), Instant::now());
        let another = PersonaId::from_bytes([2; 16]).to_string();
        let of_another = text.replace(&persona.to_string(), &another);
        let impossible = format!("[{}true,null,[1,0,5,null]]]", mark_of(persona));
        for (text, moves) in [(&*text, &fewer), (&*of_another, &moves), (FORGOTTEN, &moves)] {
            let refused = read_kept(text, moves);
            assert!(matches!(refused, Err(Error::KeyReused)), "{text}: {refused:?}");
        }
        for (text, moves) in [("", &moves), (&*impossible, &fewer)] {
            let refused = read_kept(text, moves);
            assert!(matches!(refused, Err(Error::Damaged(_))), "{text}: {refused:?}");
        }
    }
}
