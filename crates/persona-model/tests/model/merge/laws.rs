//! What holds for every merge. Each law is also asked of merges that break it, and has to find
//! them out.

use std::collections::BTreeSet;

use persona_model::{Conflict, Document, Merged, merge_three_way};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::sides::{Version, set, three, three_of_one_list, words};

type Three = [Document; 3];
type Merge = fn(&Three) -> Merged;
type Law = fn(&Three, Merge) -> Result<(), String>;

fn real([base, theirs, yours]: &Three) -> Merged {
    merge_three_way(base, theirs, yours).expect("small documents stay valid")
}

fn a_side_that_changed_nothing_gets_the_other(
    [base, theirs, yours]: &Three,
    merge: Merge,
) -> Result<(), String> {
    for other in [theirs, yours] {
        for three in [[base, base, other], [base, other, base]] {
            let merged = merge(&three.map(Document::clone));
            if merged != Merged::Clean(other.clone()) {
                return Err(format!("{merged:?} instead of {other:?}"));
            }
        }
    }
    Ok(())
}

fn sides_that_agree_never_conflict([base, theirs, _]: &Three, merge: Merge) -> Result<(), String> {
    match merge(&[base.clone(), theirs.clone(), theirs.clone()]) {
        Merged::Clean(merged) if merged == *theirs => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// What was added by a side is there, what was taken away by a side is not, and nothing else is.
fn nothing_is_lost_and_nothing_comes_back(
    [base, theirs, yours]: &Three,
    merge: Merge,
) -> Result<(), String> {
    let Merged::Clean(merged) = merge(&[base, theirs, yours].map(Document::clone)) else {
        return Ok(());
    };
    let [base, theirs, yours, merged] =
        [base, theirs, yours, &merged].map(|document| set(words(document)));
    let kept = base.intersection(&theirs).filter(|word| yours.contains(*word));
    let expected: BTreeSet<String> =
        kept.chain(theirs.difference(&base)).chain(yours.difference(&base)).cloned().collect();
    if merged == expected { Ok(()) } else { Err(format!("{merged:?} instead of {expected:?}")) }
}

/// Words stay in the order that all versions have them in. An item without a name that was changed
/// beside a new one is not known again, so it can change its place with what the other side added.
fn nothing_moves_by_itself([base, theirs, yours]: &Three, merge: Merge) -> Result<(), String> {
    let Merged::Clean(merged) = merge(&[base, theirs, yours].map(Document::clone)) else {
        return Ok(());
    };
    let of = |document: &Document| -> Vec<String> {
        let has_place = |word: &String| {
            !["both-", "greeting-", "unnamed-"].iter().any(|part| word.contains(part))
        };
        words(document).into_iter().filter(has_place).collect()
    };
    let in_order = |before: &[String], after: &[String]| {
        let common = |list: &[String], other: &[String]| -> Vec<String> {
            list.iter().filter(|word| other.contains(word)).cloned().collect()
        };
        common(before, after) == common(after, before)
    };
    let [base, theirs, yours, merged] = [base, theirs, yours, &merged].map(of);
    if !in_order(&base, &theirs) || !in_order(&base, &yours) {
        return Ok(());
    }
    let moved = [&base, &theirs, &yours].into_iter().find(|version| !in_order(version, &merged));
    moved.map_or(Ok(()), |version| Err(format!("{merged:?} against {version:?}")))
}

fn it_is_the_same_from_both_sides(
    [base, theirs, yours]: &Three,
    merge: Merge,
) -> Result<(), String> {
    let one = merge(&[base, theirs, yours].map(Document::clone));
    let other = merge(&[base, yours, theirs].map(Document::clone));
    let same = match (&one, &other) {
        (Merged::Clean(one), Merged::Clean(other)) => {
            // What both added at one place stands in the order of the sides.
            let sorted = |document: &Document| {
                let mut words = words(document);
                words.sort();
                words
            };
            sorted(one) == sorted(other) && one.get("description") == other.get("description")
        }
        (Merged::Conflicts(one), Merged::Conflicts(other)) => {
            let turned = |conflict: &Conflict| {
                let Conflict { pointer, base, theirs, yours, has_lines, reason } = conflict.clone();
                Conflict { pointer, base, theirs: yours, yours: theirs, has_lines, reason }
            };
            one.iter().map(turned).collect::<Vec<_>>() == *other
        }
        _ => false,
    };
    if same { Ok(()) } else { Err(format!("{one:?} and {other:?}")) }
}

/// A conflict tells what the base has there, and what each side made of it: two changes.
fn a_conflict_has_all_three_sides(
    [base, theirs, yours]: &Three,
    merge: Merge,
) -> Result<(), String> {
    let Merged::Conflicts(conflicts) = merge(&[base, theirs, yours].map(Document::clone)) else {
        return Ok(());
    };
    let has = |side: &Document, value: &Option<Value>| {
        value.as_ref().is_none_or(|value| side.to_json().to_string().contains(&value.to_string()))
    };
    for conflict in &conflicts {
        let Conflict { pointer, base: old, theirs: their, yours: your, .. } = conflict;
        let is_change = old != their && old != your && their != your;
        let is_told = base.to_json().pointer(pointer) == old.as_ref()
            && has(theirs, their)
            && has(yours, your);
        if !is_change || !is_told {
            return Err(format!("{conflict:?}"));
        }
    }
    if conflicts.is_empty() { Err("a conflict without a place".into()) } else { Ok(()) }
}

const LAWS: [(&str, Law); 6] = [
    ("untouched", a_side_that_changed_nothing_gets_the_other),
    ("agreed", sides_that_agree_never_conflict),
    ("lost", nothing_is_lost_and_nothing_comes_back),
    ("moved", nothing_moves_by_itself),
    ("turned", it_is_the_same_from_both_sides),
    ("told", a_conflict_has_all_three_sides),
];

fn documents(versions: &[Version; 3]) -> Three {
    versions.each_ref().map(Version::document)
}

proptest! {
    #[test]
    fn the_laws_hold_for_every_merge(versions in three()) {
        for (name, law) in LAWS {
            prop_assert_eq!(law(&documents(&versions), real), Ok(()), "{}", name);
        }
    }

    #[test]
    fn the_laws_hold_for_every_merge_of_one_list(versions in three_of_one_list()) {
        for (name, law) in LAWS {
            prop_assert_eq!(law(&documents(&versions), real), Ok(()), "{}", name);
        }
    }
}

/// The names of the laws that find a merge out.
fn laws_that_find(merge: Merge) -> Vec<&'static str> {
    let finds = |law: Law| {
        let mut runner = TestRunner::new_with_rng(
            Config { cases: 500, failure_persistence: None, ..Config::default() },
            proptest::test_runner::TestRng::deterministic_rng(
                proptest::test_runner::RngAlgorithm::ChaCha,
            ),
        );
        let result = runner.run(&three_of_one_list(), |versions| {
            law(&documents(&versions), merge).map_err(TestCaseError::fail)
        });
        result.is_err()
    };
    LAWS.into_iter().filter(|(_, law)| finds(*law)).map(|(name, _)| name).collect()
}

fn changed(document: &Document, change: impl FnOnce(&mut Value)) -> Document {
    let mut json = document.to_json();
    change(&mut json);
    Document::from_json(json).expect("valid")
}

#[test]
fn merges_that_break_a_law_are_found_out() {
    let the_last_one_wins: Merge = |[_, _, yours]| Merged::Clean(yours.clone());
    assert_eq!(laws_that_find(the_last_one_wins), ["untouched", "lost", "turned"]);
    let what_was_removed_comes_back: Merge = |three| match real(three) {
        Merged::Clean(merged) => Merged::Clean(changed(&merged, |json| {
            json["tags"] = three[0].to_json()["tags"].clone();
        })),
        conflicts @ Merged::Conflicts(_) => conflicts,
    };
    assert_eq!(laws_that_find(what_was_removed_comes_back), ["untouched", "agreed", "lost"]);
    let lists_are_turned_around: Merge = |three| match real(three) {
        Merged::Clean(merged) => Merged::Clean(changed(&merged, |json| {
            json["tags"].as_array_mut().expect("a list").reverse();
        })),
        conflicts @ Merged::Conflicts(_) => conflicts,
    };
    assert_eq!(laws_that_find(lists_are_turned_around), ["untouched", "agreed", "moved"]);
    let one_side_is_not_told: Merge = |three| match real(three) {
        Merged::Conflicts(mut conflicts) => {
            conflicts[0].yours = None;
            Merged::Conflicts(conflicts)
        }
        clean @ Merged::Clean(_) => clean,
    };
    assert_eq!(laws_that_find(one_side_is_not_told), ["turned", "told"]);
    let everything_conflicts: Merge = |[_, theirs, _]| {
        let theirs = Some(json!(theirs.get("tags")));
        Merged::Conflicts(vec![Conflict {
            pointer: "/tags".into(),
            base: None,
            theirs,
            yours: None,
            has_lines: false,
            reason: None,
        }])
    };
    assert_eq!(laws_that_find(everything_conflicts), ["untouched", "agreed", "turned", "told"]);
    assert_eq!(laws_that_find(real), [] as [&str; 0]);
}
