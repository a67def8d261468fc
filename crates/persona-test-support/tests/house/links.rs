//! Links between documents: the file is there, and so is the heading.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::tidy::{assert_none, files, root};

/// The folders with documents, beside those in the root.
const FOLDERS: [&str; 4] = ["docs", "studio", "fuzz", "crates"];

/// Every document of the project, as path from the root and text.
fn documents() -> Vec<(String, String)> {
    let of_root = fs::read_dir(root()).expect("readable").filter_map(|entry| {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        name.strip_suffix(".md").is_some().then(|| {
            let text = fs::read_to_string(root().join(&name)).expect("UTF-8");
            (name, text)
        })
    });
    of_root.chain(FOLDERS.iter().flat_map(|folder| files(folder, ".md"))).collect()
}

/// The lines of a document that are text, without blocks of code.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The anchor that a heading gets: lower case, blanks as hyphens, and no other signs.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            letter => letter.is_alphanumeric().then_some(letter),
        })
        .collect()
}

/// The anchors of all headings of a document. A heading that comes again gets a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    // A place may have an anchor that it keeps when its heading changes.
    let named = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    found.extend(named.map(str::to_owned));
    for line in lines(text).filter(|line| line.starts_with('#')) {
        let name = anchor(line.trim_start_matches('#'));
        let times = seen.entry(name.clone()).or_default();
        found.insert(if *times == 0 { name } else { format!("{name}-{times}") });
        *times += 1;
    }
    found
}

/// The targets of the links of a document, without those to other sites.
fn targets(text: &str) -> Vec<&str> {
    lines(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.contains(' ') && !target.is_empty())
        .collect()
}

#[test]
fn every_link_between_documents_leads_to_a_file_and_a_heading() {
    let (mut links, mut with_heading, mut problems) = (0, 0, Vec::new());
    for (path, text) in documents() {
        let document = root().join(&path);
        for target in targets(&text) {
            links += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => document.clone(),
                file => document.parent().expect("a folder").join(file),
            };
            if !file.exists() {
                problems.push(format!("{path}: no file {target}"));
            } else if !heading.is_empty() && file.extension().is_some_and(|end| end == "md") {
                with_heading += 1;
                if !anchors(&fs::read_to_string(&file).expect("UTF-8")).contains(heading) {
                    problems.push(format!("{path}: no heading {target}"));
                }
            }
        }
    }
    assert!(links > 100, "only {links} links were found: the search is broken");
    assert!(with_heading > 20, "only {with_heading} links have a heading: the search is broken");
    assert_none(&problems);
}

#[test]
fn headings_get_the_anchors_that_pages_give_them() {
    let text = "# One `two`, three!\n```sh\n# no heading\n```\n## Again\n## Again\n### a_b-c\n<a id=\"own\"></a>";
    let expected = ["one-two-three", "again", "again-1", "a_b-c", "own"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(expected));
    assert_eq!(targets("[a](b.md#c) `x` [d](https://e/f) [g](#h)"), ["b.md#c", "#h"]);
}
