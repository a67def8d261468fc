//! The SQL of the PostgreSQL backend stays in the subset that Citus and YugabyteDB take for data
//! that is spread by persona. An exception is declared here, in one place each, and named in
//! docs/scaling.md.
//!
//! The test reads the sources, so that it judges also a statement that no test runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A construct that the engines do not take, or take only within one node: words in this order,
/// with anything between them.
struct Construct {
    words: &'static [&'static str],
    /// The source files that use it all the same; the reason is in docs/scaling.md, under the first
    /// of the words.
    declared: &'static [&'static str],
}

const fn never(words: &'static [&'static str]) -> Construct {
    Construct { words, declared: &[] }
}

const CONSTRUCTS: &[Construct] = &[
    // To check a reference the rows of other nodes would have to be locked.
    never(&["references"]),
    never(&["foreign", "key"]),
    never(&["on", "delete", "cascade"]),
    never(&["deferrable"]),
    never(&["exclude", "using"]),
    // Code in the database runs on one node, which does not know the others.
    never(&["trigger"]),
    never(&["create", "function"]),
    never(&["create", "procedure"]),
    never(&["create", "rule"]),
    never(&["language", "plpgsql"]),
    never(&["create", "extension"]),
    // One counter for all nodes makes writes queue, and gives numbers in another order than that of
    // commits.
    never(&["sequence", "owned"]),
    never(&["create", "sequence"]),
    never(&["nextval"]),
    never(&["serial"]),
    never(&["bigserial"]),
    never(&["generated", "identity"]),
    // Not every engine has it, and poolers lose its messages.
    never(&["listen"]),
    never(&["notify"]),
    never(&["pg_notify"]),
    never(&["savepoint"]),
    never(&["pg_advisory_lock"]),
    never(&["set", "session"]),
    never(&["prepare", "transaction"]),
    never(&["with", "hold"]),
    // The place of a row, and the transaction that wrote it, are known to one node only.
    never(&["ctid"]),
    never(&["xmin"]),
    never(&["serializable"]),
    never(&["merge", "into"]),
    never(&["truncate"]),
    // The order of commits: the one thing that all writes have in common.
    Construct {
        words: &["pg_current_xact_id"],
        declared: &["label_sql.rs", "purge_attempt.rs", "write_sql.rs", "write_statement.rs"],
    },
    Construct {
        words: &["pg_snapshot_xmin"],
        declared: &["events.rs", "feed.rs", "transfer/source.rs"],
    },
    Construct { words: &["pg_snapshot_xmax"], declared: &["migrate.rs"] },
    // Init processes wait for each other with this lock; it is never in the path of a request.
    Construct { words: &["pg_advisory_xact_lock"], declared: &["migrate.rs"] },
    // The fence of a live move, and its removal when the move is started over. A migration holds
    // writers up too.
    Construct { words: &["lock", "table"], declared: &["migrate.rs", "transfer/source.rs"] },
    Construct { words: &["temporary", "table"], declared: &["transfer/target.rs"] },
    // Rows of one persona, which lie on one node, and expired keys.
    Construct {
        words: &["for", "update"],
        declared: &["maintenance.rs", "write_sql.rs", "write_statement.rs"],
    },
    // The row of the token that asks for a change of tokens, of which there are few.
    Construct { words: &["for", "share"], declared: &["tokens.rs"] },
    // An export is one snapshot of everything.
    Construct { words: &["repeatable", "read"], declared: &["export.rs"] },
    Construct { words: &["no", "scroll", "cursor"], declared: &["export.rs"] },
];

/// How the rows of a table can be spread.
enum Spread {
    /// Spread by the persona, which this column names. All rows of one persona lie together, so a
    /// write meets one node.
    ByPersona(&'static str),
    /// A copy on each node: one row, which hardly ever changes.
    Everywhere,
    /// Spread by something else, so that the rows of one write lie on two nodes.
    Apart,
}

const TABLES: &[(&str, Spread)] = &[
    ("about", Spread::Everywhere),
    ("meta", Spread::Everywhere),
    ("personas", Spread::ByPersona("id")),
    ("persona_tags", Spread::ByPersona("persona")),
    ("persona_search", Spread::ByPersona("persona")),
    ("persona_titles", Spread::ByPersona("persona")),
    ("persona_texts", Spread::ByPersona("persona")),
    ("revisions", Spread::ByPersona("persona")),
    ("labels", Spread::ByPersona("persona")),
    ("label_moves", Spread::ByPersona("persona")),
    ("purged", Spread::ByPersona("persona")),
    ("former_handles", Spread::Apart),
    ("changes", Spread::Apart),
    ("idempotency", Spread::Apart),
    ("tokens", Spread::Everywhere),
];

/// Constraints that are unique over all personas, which the node of one persona cannot check.
const UNIQUE_OVER_ALL: &[&str] =
    &["personas_by_handle", "tokens_by_name", "tokens_by_hash", "tokens_by_previous_hash"];

fn files(folder: &Path, ending: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, root: &Path, ending: &str, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                walk(&path, root, ending, found);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                let name =
                    path.strip_prefix(root).expect("below it").to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).expect("UTF-8")));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    walk(&root, &root, ending, &mut found);
    assert!(!found.is_empty(), "no .{ending} below {}", root.display());
    found.sort();
    found
}

/// The texts between quotation marks of a source file, without what stands in comments and in
/// single characters.
fn texts(source: &str) -> String {
    let (mut out, mut rest) = (String::new(), source);
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let here = &rest[at..];
        rest = if here.starts_with("//") {
            here.find('\n').map_or("", |end| &here[end..])
        } else if let Some(behind) =
            here.strip_prefix("'\"'").or_else(|| here.strip_prefix("'\\\"'"))
        {
            behind
        } else if let Some(text) = here.strip_prefix('"') {
            let mut escaped = false;
            let end = text.find(|letter: char| {
                let ends = letter == '"' && !escaped;
                escaped = letter == '\\' && !escaped;
                ends
            });
            let end = end.expect("every text ends");
            out.push_str(&text[..end].replace("\\n", "\n"));
            out.push_str(" ;\n");
            &text[end + 1..]
        } else {
            &here[1..]
        };
    }
    out
}

/// The words of SQL, in lower case, without comments; a statement ends in a semicolon.
fn words(sql: &str) -> Vec<String> {
    let without_comments: String = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default().to_lowercase() + "\n")
        .collect();
    let spaced = without_comments.replace(';', " ; ");
    spaced
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ';'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// All SQL that is sent to a server: the name of the file, and the words.
fn all_sql() -> Vec<(String, Vec<String>)> {
    let sources = files(Path::new("src/postgres"), "rs")
        .into_iter()
        .map(|(name, text)| (name, words(&texts(&text))));
    let migrations = files(Path::new("migrations/postgres"), "sql")
        .into_iter()
        .map(|(name, text)| (name, words(&text)));
    sources.chain(migrations).collect()
}

fn has(words: &[String], construct: &[&str]) -> bool {
    words
        .windows(construct.len())
        .any(|found| found.iter().zip(construct).all(|(found, word)| found == word))
}

#[test]
fn every_statement_is_in_the_portable_subset_or_declared() {
    let scaling =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scaling.md"))
            .expect("the document");
    let all = all_sql();
    assert!(
        all.iter().any(|(_, words)| has(words, &["update", "persona_store", "personas"])),
        "the statements are not found any more"
    );
    for Construct { words, declared } in CONSTRUCTS {
        let users: Vec<&str> = all
            .iter()
            .filter(|(_, found)| has(found, words))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(users, *declared, "who uses {words:?}, and who is declared to");
        let named = words.join(" ");
        let is_named = scaling.to_lowercase().contains(&named);
        assert!(
            declared.is_empty() || is_named,
            "docs/scaling.md does not say why there is {named}"
        );
    }
}

#[test]
fn what_is_kept_for_a_persona_lies_together_and_every_key_of_it_names_the_persona() {
    let migrations: String =
        files(Path::new("migrations/postgres"), "sql").into_iter().map(|(_, text)| text).collect();
    let all = words(&migrations);
    let (mut tables, mut unique) = (BTreeSet::new(), BTreeSet::new());
    for statement in all.split(|word| word == ";") {
        let position = |of: &[&str]| {
            statement
                .windows(of.len())
                .position(|found| found.iter().zip(of).all(|(one, other)| one == other))
        };
        if let Some(at) = position(&["create", "table", "persona_store"]) {
            let table = statement[at + 3].clone();
            let spread = TABLES.iter().find(|(name, _)| *name == table).map(|(_, spread)| spread);
            let spread = spread.unwrap_or_else(|| panic!("how is {table} to be spread?"));
            if let Spread::ByPersona(column) = spread {
                let key = position(&["primary", "key"]).expect("every table has a key");
                let columns = statement[key + 2..]
                    .iter()
                    .take_while(|word| !["constraint", "check"].contains(&word.as_str()));
                assert!(
                    columns.into_iter().any(|word| word == column),
                    "the key of {table} does not have {column}"
                );
                assert!(position(&["unique"]).is_none(), "a further unique key of {table}");
            }
            tables.insert(table);
        }
        if let Some(at) = position(&["create", "unique", "index"]) {
            unique.insert(statement[at + 3].clone());
        }
    }
    assert_eq!(tables, TABLES.iter().map(|(name, _)| (*name).to_owned()).collect());
    assert_eq!(unique, UNIQUE_OVER_ALL.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn what_cannot_be_spread_by_persona_is_named_with_what_would_take_its_place() {
    let scaling =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scaling.md"))
            .expect("the document");
    let apart =
        TABLES.iter().filter(|(_, spread)| matches!(spread, Spread::Apart)).map(|(name, _)| *name);
    for name in apart.chain(UNIQUE_OVER_ALL.iter().copied()) {
        assert!(scaling.contains(&format!("`{name}`")), "docs/scaling.md does not name {name}");
    }
}

#[test]
fn texts_are_read_out_of_sources_and_comments_are_not() {
    let source = "// \"not this\"\nlet a = '\"'; let b = \"SELECT \\\"x\\\" -- no\n FROM t\"; /// LISTEN\nf('\\\"', \"LOCK\\n TABLE\");";
    assert_eq!(words(&texts(source)), ["select", "x", "from", "t", ";", "lock", "table", ";"]);
}
