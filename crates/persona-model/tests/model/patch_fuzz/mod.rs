//! Random patches on random documents, each compared with a naive reference.
//!
//! The number of a case decides the whole case. A failure names the number;
//! `PERSONA_PATCH_FUZZ="first count"` runs this many cases from this number on, and
//! `PERSONA_PATCH_FUZZ="first 3600s"` runs for an hour. `dice.rs` makes documents and patches;
//! `reference.rs` applies patches as the RFCs say, without any bound.

mod dice;
mod reference;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use dice::Dice;
use persona_model::{Document, PATCH_COPIED_BYTES_MAX, Patch, PatchError, VALUE_DEPTH_MAX};
use reference::{Refused, depth, parsed};
use serde_json::Value;

/// Cases of the short run, which takes seconds even without optimisation.
const CASES: u64 = 6_000;
/// Cases of the long run, which takes minutes with optimisation.
const CASES_LONG: u64 = 2_000_000;
/// Cases between two looks at the clock, and between two lines of progress of a long run.
const CASES_BETWEEN_LOOKS: u64 = 1_000;
const CASES_BETWEEN_WORDS: u64 = 1_000_000;
/// Patches of a case, applied one after the other, so that a patch also meets the result of another
/// patch.
const PATCHES: usize = 3;
/// A document larger than this ends its case, because it takes as long as a thousand small ones.
const LARGE_BYTES: usize = 64 * 1024;

/// Counts what the cases did, so that a run that tests nothing fails.
#[derive(Debug, Default)]
struct Seen {
    merged: u64,
    patched: u64,
    invalid: u64,
    refused: u64,
    too_deep: u64,
    too_much: u64,
    test_failed: u64,
}

/// One case: a document, and patches one after the other.
fn case(number: u64, seen: &mut Seen) {
    let mut dice = Dice::of(number);
    let mut document = Document::from_json(dice.document()).expect("a valid document");
    for _ in 0..PATCHES {
        if document.text().len() > LARGE_BYTES {
            return;
        }
        let before = document.text().to_owned();
        let next = if dice.one_in(2) {
            merge(&mut dice, &document, seen)
        } else {
            patch(&mut dice, &document, seen)
        };
        assert_eq!(
            document.text(),
            before,
            "a patch leaves the document that it is applied to as it is"
        );
        if let Some(next) = next {
            assert_eq!(
                Document::from_stored(next.text()).as_ref(),
                Ok(&next),
                "what is stored is what was made"
            );
            assert!(depth(&next.to_json()) <= VALUE_DEPTH_MAX);
            document = next;
        }
    }
}

/// Applies a merge patch; the new document, where there is one.
fn merge(dice: &mut Dice, document: &Document, seen: &mut Seen) -> Option<Document> {
    let text = dice.merge_patch(&document.to_json());
    let patch = Patch::merge(text.clone()).expect("an object");
    let wanted = Document::from_json(reference::merge(document.to_json(), &text));
    match (patch.apply(document), wanted) {
        (Ok(made), Ok(wanted)) => {
            assert_eq!(made, wanted, "{text}");
            assert_eq!(
                patch.apply(&made),
                Ok(made.clone()),
                "a merge patch changes nothing the second time: {text}"
            );
            for field in made.changed_fields(document) {
                assert!(text.get(field).is_some(), "{field} is not named: {text}");
            }
            seen.merged += 1;
            Some(made)
        }
        (Err(PatchError::Invalid(made)), Err(wanted)) => {
            assert_eq!(made, wanted, "{text}");
            seen.invalid += 1;
            None
        }
        (made, wanted) => panic!("{made:?} and not {wanted:?}: {text}"),
    }
}

/// Applies a JSON Patch; the new document, where there is one.
fn patch(dice: &mut Dice, document: &Document, seen: &mut Seen) -> Option<Document> {
    let operations = dice.operations(&document.to_json());
    let text = Value::Array(operations.clone());
    let is_readable = operations.iter().all(|operation| parsed(operation).is_some());
    let patch = match Patch::json(text.clone()) {
        Ok(patch) => patch,
        Err(invalid) => {
            assert!(!is_readable && invalid.errors[0].code == "bad_patch", "{invalid:?}: {text}");
            seen.refused += 1;
            return None;
        }
    };
    assert!(is_readable, "{text}");
    let made = patch.apply(document);
    assert_eq!(patch.apply(document), made, "a patch does the same each time: {text}");
    let mut wanted = document.to_json();
    let mut copied = 0;
    for (index, operation) in operations.iter().enumerate() {
        let refused = reference::apply(&mut wanted, operation, &mut copied);
        let Err(why) = refused else { continue };
        assert_refused(&made, index, &why, copied, seen, &text);
        return None;
    }
    match (made, Document::from_json(wanted)) {
        (Ok(made), Ok(wanted)) => {
            assert_eq!(made, wanted, "{text}");
            let most = document.text().len()
                + text.to_string().len()
                + ESCAPED_BYTES_MAX * PATCH_COPIED_BYTES_MAX;
            assert!(made.text().len() <= most, "{} bytes: {text}", made.text().len());
            seen.patched += 1;
            Some(made)
        }
        (Err(PatchError::Invalid(made)), Err(wanted)) => {
            assert_eq!(made, wanted, "{text}");
            seen.invalid += 1;
            None
        }
        (made, wanted) => panic!("{made:?} and not {wanted:?}: {text}"),
    }
}

/// Most bytes that one byte of a text becomes as JSON.
const ESCAPED_BYTES_MAX: usize = 6;

/// Checks that the patch was refused at this operation for this reason.
fn assert_refused(
    made: &Result<Document, PatchError>,
    index: usize,
    why: &Refused,
    copied: usize,
    seen: &mut Seen,
    text: &Value,
) {
    let invalid = match made {
        Err(PatchError::TestFailed { .. }) => {
            assert_eq!(*why, Refused::Test, "{text}");
            seen.test_failed += 1;
            return;
        }
        Err(PatchError::Invalid(invalid)) => invalid,
        Ok(_) => panic!("applied although operation {index} cannot be, {why:?}: {text}"),
    };
    let fault = &invalid.errors[0];
    assert_eq!(fault.pointer, format!("/{index}"), "{fault:?}: {text}");
    match (fault.code, why) {
        ("bad_patch", Refused::Missing) => seen.refused += 1,
        ("too_deep", Refused::TooDeep) => seen.too_deep += 1,
        ("too_much", Refused::Copied) => {
            assert!(copied > PATCH_COPIED_BYTES_MAX, "{copied}: {text}");
            seen.too_much += 1;
        }
        (code, why) => panic!("{code} and not {why:?}: {text}"),
    }
}

/// The length of a run.
#[derive(Clone, Copy)]
enum Length {
    Cases(u64),
    Time(Duration),
}

impl Length {
    /// A number of cases, or of seconds with an `s`.
    fn parse(text: &str) -> Self {
        match text.strip_suffix('s') {
            Some(seconds) => Self::Time(Duration::from_secs(seconds.parse().expect("seconds"))),
            None => Self::Cases(text.parse().expect("a count")),
        }
    }
}

fn run(first: u64, length: Length) {
    let (began, mut seen, mut count) = (Instant::now(), Seen::default(), 0);
    loop {
        let is_over = match length {
            Length::Cases(cases) => count >= cases,
            Length::Time(time) => count % CASES_BETWEEN_LOOKS == 0 && began.elapsed() >= time,
        };
        if is_over {
            break;
        }
        let number = first + count;
        let outcome = catch_unwind(AssertUnwindSafe(|| case(number, &mut seen)));
        assert!(outcome.is_ok(), "case {number}: repeat it with PERSONA_PATCH_FUZZ=\"{number} 1\"");
        count += 1;
        if count % CASES_BETWEEN_WORDS == 0 {
            eprintln!("{count} cases from {first} on in {} s", began.elapsed().as_secs());
        }
    }
    let seconds = began.elapsed().as_secs();
    eprintln!("{count} cases from {first} on in {seconds} s: {seen:?}");
    if count >= CASES {
        let Seen { merged, patched, invalid, refused, too_deep, too_much, test_failed } = seen;
        for (what, times) in [
            ("merged", merged),
            ("patched", patched),
            ("invalid", invalid),
            ("refused", refused),
            ("too deep", too_deep),
            ("too much", too_much),
            ("test failed", test_failed),
        ] {
            assert!(times > 0, "{what}: only {times} of {count}, so that the dice are broken");
        }
    }
}

#[test]
fn random_patches_do_what_the_rfcs_say_and_stay_within_bounds() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a case is repeated, or a run made longer, from outside"
    )]
    let chosen = std::env::var("PERSONA_PATCH_FUZZ").ok();
    match chosen.as_deref().and_then(|text| text.split_once(' ')) {
        Some((first, count)) => {
            run(first.parse().expect("a number"), Length::parse(count));
        }
        None => run(0, Length::Cases(CASES)),
    }
}

#[test]
#[ignore = "long: run by ./test --long"]
fn random_patches_do_what_the_rfcs_say_and_stay_within_bounds_long() {
    run(CASES, Length::Cases(CASES_LONG));
}
