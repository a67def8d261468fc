//! Whole files through [`Items`]: items that are accepted, repaired and refused.

use std::io::Cursor;

use persona_model::Document;
use serde_json::{Value, json};

use super::{Bad, Format, ITEM_BYTES_MAX, Item, Items};

mod collections;

fn items(bytes: impl Into<Vec<u8>>) -> Vec<Result<Item, Bad>> {
    Items::new(Box::new(Cursor::new(bytes.into()))).collect()
}

/// The names of the items that can be sent, and the lines and reasons of the others.
fn outcome(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    items(bytes)
        .into_iter()
        .map(|item| match item {
            Ok(item) => format!("{}: {}", item.location, item.document.name()),
            Err(bad) => format!("{}: {}", bad.location, bad.reasons.join("; ")),
        })
        .collect()
}

fn only(bytes: impl Into<Vec<u8>>) -> Item {
    let mut items = items(bytes);
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0).expect("a valid item")
}

fn document(value: Value) -> Document {
    Document::from_json(value).expect("a valid document")
}

#[test]
fn a_row_of_the_prompts_collection_becomes_a_prompt() {
    let item = only(
        "act,prompt,for_devs,type,contributor\r\n Poet ,\"Say \"\"hi\"\"\r\n twice \",FALSE,TEXT,\"a,b\"\r\n",
    );
    assert_eq!((item.location.line, item.format), (2, Format::AwesomePrompts));
    assert_eq!(item.warnings, Vec::<String>::new());
    assert_eq!(
        item.document,
        document(json!({
            "name": " Poet ",
            "kind": "prompt",
            "system_prompt": "Say \"hi\"\r\n twice ",
            "creator": "a,b",
            "extensions": { "awesome_prompts": { "for_devs": "FALSE", "type": "TEXT", "contributor": "a,b" } },
        }))
    );
}

#[test]
fn an_agent_of_lobehub_becomes_an_agent_and_keeps_everything() {
    let agent = json!({ "file": "a.json", "agent": {
        "author": "me", "config": { "systemRole": " Do ", "openingMessage": "Hi", "params": { "top_p": 1.0 } },
        "meta": { "title": "Ada", "description": "Says", "tags": ["x", "x"], "avatar": "🦉" }, "schemaVersion": 1,
    } });
    let item = only(agent.to_string());
    assert_eq!(item.format, Format::LobeHub);
    assert_eq!(
        item.document,
        document(json!({
            "name": "Ada", "kind": "agent", "description": "Says", "system_prompt": " Do ", "first_mes": "Hi", "creator": "me",
            "tags": ["x", "x"],
            "extensions": { "lobehub": { "file": "a.json", "agent": {
                "config": { "params": { "top_p": 1.0 } }, "meta": { "avatar": "🦉" }, "schemaVersion": 1,
            } } },
        }))
    );
}

#[test]
fn a_persona_of_an_export_keeps_its_identity_and_its_document() {
    let id = "0193b0c2-7f3e-7a10-8c1d-000000000001";
    let line = json!({ "id": id, "revision": 7, "created_at": "2026-11-24T00:00:00Z", "deleted_at": null, "labels": {}, "name": "Ada" });
    let item = only(line.to_string());
    assert_eq!(item.id.to_string(), id);
    assert_eq!(item.document, document(json!({ "name": "Ada" })));
    assert!(!item.is_deleted);
    assert!(
        only(json!({ "name": "Ada", "deleted_at": "2026-11-24T00:00:00Z" }).to_string()).is_deleted
    );
}

#[test]
fn native_documents_come_as_lines_as_one_object_as_a_list_and_as_csv() {
    assert_eq!(outcome("{\"name\":\"A\"}\n\n{\"name\":\"B\"}"), ["1: A", "3: B"]);
    assert_eq!(outcome("\n{\n  \"name\": \"A\"\n}\n"), ["2: A"]);
    assert_eq!(
        outcome("[\n{\"name\":\"[{\\\"\"},\n {\n\"name\":\"B\"}]"),
        ["2 [0]: [{\"", "3 [1]: B"]
    );
    assert_eq!(
        outcome("\u{feff}name,tags,is_active\nA,\"x, y\",FALSE\nB,\"[\"\"z\"\"]\",\n"),
        ["2: A", "3: B"]
    );
    assert_eq!(outcome(" \n \n"), Vec::<String>::new());
    let item = only("name,tags,is_active\nA,\"x, y\",FALSE\n");
    assert_eq!(
        item.document,
        document(json!({ "name": "A", "tags": ["x", "y"], "is_active": false }))
    );
}

#[test]
fn a_broken_line_costs_that_line_only() {
    let text = [
        b"{\"name\":\"A\"}\n{\"name\":\n{\"nmae\":\"C\"}\n[1]\n{\"name\":\"\xff\"}\n" as &[u8],
        b"{\"id\":7,\"name\":\"F\"}\n{\"name\":\"G\"}",
    ];
    assert_eq!(
        outcome(text.concat()),
        [
            "1: A",
            "2: the JSON ends too early (column 8)",
            "3: name: name is required; nmae: unknown member; did you mean name?",
            "4: must be a JSON object",
            "5: the JSON cannot be read: the text is not valid UTF-8 (column 10)",
            "6: id: must be a string",
            "7: G",
        ]
    );
}

#[test]
fn lines_are_counted_from_the_start_of_the_file_whatever_ends_them() {
    assert_eq!(outcome("act,prompt\r\nA,\"a\r\n\na\"\r\n\r\nB,b\r\nC,c"), ["2: A", "6: B", "7: C"]);
    assert_eq!(outcome("\n\nact,prompt\n\nA,a\n\n\nB,b\n\n"), ["5: A", "8: B"]);
}

#[test]
fn a_broken_row_costs_that_row_only() {
    let text = [b"act,prompt\nA,a\nB\nC,c,c\n" as &[u8], b"D,\xff\nE,\"e\n\nee\"\nF,f\n"].concat();
    assert_eq!(
        outcome(text),
        [
            "2: A",
            "3: the row has another number of cells (1) than the header (2)",
            "4: the row has another number of cells (3) than the header (2)",
            "5: the cell of column \"prompt\" is not UTF-8 from byte 1 on",
            "6: E",
            "9: F",
        ]
    );
}

#[test]
fn a_file_that_ends_inside_a_quote_is_noticed() {
    let reason =
        "a quoted cell of the row that starts here is not closed before the end of the file";
    for ending in ["B,\"b", "B,\"b\n", "\"B", "B,\"b\"\"", "B,\""] {
        assert_eq!(
            outcome(format!("act,prompt\nA,a\n{ending}")),
            ["2: A".to_string(), format!("3: {reason}")],
            "{ending:?}"
        );
    }
}

#[test]
fn a_row_with_malformed_quotes_is_told_with_its_line_and_the_others_are_read() {
    let told = |line| {
        format!(
            "{line}: text follows a closing quote in line {line}; a quote inside a quoted cell is written twice"
        )
    };
    let text = "act,prompt\n\"Linux\",\"Say \"pwd\" first\"\n\"Poet\",\"Write \\\"verse\\\" only\"\n\"X\",\"a\" \"b\"\nE,F\n";
    assert_eq!(outcome(text), [told(2), told(3), told(4), "5: E".into()]);
    let text = "act,prompt\nA,\"never closed\nC,\"D\"\nE,F\n";
    let told =
        "2: text follows a closing quote in line 3; a quote inside a quoted cell is written twice";
    assert_eq!(outcome(text), [told, "4: E"]);
}

#[test]
fn other_layouts_of_csv_are_read() {
    let prompt = |text: &str| {
        let item = only(text);
        (
            item.document.name().to_owned(),
            item.document
                .get("system_prompt")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let both = |name: &str, prompt: &str| (name.to_owned(), prompt.to_owned());
    assert_eq!(
        prompt("act;prompt\n\"Poet\";\"You write, always; in verse\"\n"),
        both("Poet", "You write, always; in verse")
    );
    assert_eq!(prompt("act\tprompt\nPoet\ta, b\n"), both("Poet", "a, b"));
    assert_eq!(prompt("sep=;\nact;prompt\nPoet;x\n"), both("Poet", "x"));
    assert_eq!(prompt("act, prompt\nA, B\n"), both("A", "B"));
    assert_eq!(prompt("act,prompt\nA, B\n"), both("A", " B"));
    assert_eq!(
        outcome("sep=;\n\nact;prompt\n\nPoet;x\nBard\n")[1],
        "6: the row has another number of cells (1) than the header (2)"
    );
    assert_eq!(outcome("act,prompt,for_devs\nA,B,FALSE\n,,\n,,\n"), ["2: A"]);
}

#[test]
fn a_list_that_is_cut_off_or_broken_is_told_and_its_good_elements_are_taken() {
    assert_eq!(
        outcome("[{\"name\":\"T1\"},\n{\"name\":\"T2\"},\n"),
        ["1 [0]: T1", "2 [1]: T2", "3: the file ends before the end of the list"]
    );
    assert_eq!(
        outcome("{\n  \"name\":\"A\",\n  \"description\":\"x\n"),
        ["1: the JSON that starts here ends too early: the file is cut off"]
    );
    assert_eq!(
        outcome(
            "[{\"name\":\"A\"},{\"name\":\"B\",\"description\":\"cut \\ud83d\"},{\"name\":\"C\"}]"
        ),
        [
            "1 [0]: A",
            "1 [1]: the JSON cannot be read: unexpected end of hex escape (at /description) (column 38)",
            "1 [2]: C"
        ]
    );
    assert_eq!(
        outcome(
            "[{\"name\":\"A\",\"extensions\":{\"id\":1e400}},\n7, {\"name\":\"C\"},\n\"{\\\"name\\\": \\\"D\\\"}\"]"
        ),
        [
            "1 [0]: the JSON cannot be read: number out of range (at /extensions/id) (column 36)",
            "2 [1]: must be a JSON object",
            "2 [2]: C",
            "3 [3]: D"
        ]
    );
    for (text, reason) in [
        (
            "[{\"name\":\"A\"} {\"name\":\"B\"}]",
            "1: a comma or the end of the list is missing before this element",
        ),
        ("[{\"name\":\"A\"},]", "1: an element is missing after a comma"),
        ("[{\"name\":\"A\"}] x", "1: there is more text after the end of the list"),
    ] {
        assert_eq!(outcome(text), ["1 [0]: A", reason]);
    }
}

#[test]
fn json_in_files_is_read_as_strictly_as_a_body_of_the_api() {
    assert_eq!(outcome("\"{\\\"name\\\": \\\"A\\\"}\"\n"), ["1: A"]);
    assert_eq!(
        outcome("{\"name\":\"A\",\"name\":\"B\"}"),
        ["1: the JSON cannot be read: the member \"name\" is there twice (at /name) (column 18)"]
    );
    let wide = "the JSON cannot be read: the integer does not fit 64 bits and would lose digits; send it as a string";
    assert_eq!(
        outcome("{\"name\":\"A\",\"extensions\":{\"n\":18446744073709551616}}"),
        [format!("1: {wide} (column 31)")]
    );
    assert_eq!(
        outcome("name,extensions\nA,\"{\"\"n\"\":1,\"\"n\"\":2}\"\n"),
        ["2: extensions: must be JSON: the member \"n\" is there twice (at /n)"]
    );
}

#[test]
fn a_character_card_is_told_to_be_one() {
    let refused = |name: &str| {
        format!(
            "1: this is a character card ({name}); character cards are not read in this version"
        )
    };
    for (text, name) in [
        (
            "{\"spec\":\"chara_card_v2\",\"spec_version\":\"2.0\",\"data\":{\"name\":\"A\"}}",
            "chara_card_v2",
        ),
        ("{\"spec\":\"chara_card_v3\",\"data\":{}}", "chara_card_v3"),
        (
            "{\"name\":\"A\",\"spec_version\":\"2.0\",\"data\":{\"name\":\"A\"}}",
            "without a known spec",
        ),
    ] {
        assert_eq!(outcome(text), [refused(name)]);
    }
    let v1 = json!({ "name": "A", "description": "", "personality": "", "scenario": "", "first_mes": "Hi", "mes_example": "" });
    assert_eq!(outcome(v1.to_string()), ["1: A"], "it has fields of a persona only");
    let mut more = v1;
    more["chat"] = json!("A - 2024");
    let told = outcome(more.to_string());
    assert!(
        told[0].starts_with(
            "1: this is a character card (version 1); only cards without further members"
        ),
        "{told:?}"
    );
    assert!(told[0].contains("chat: unknown member"), "{told:?}");
    assert_eq!(
        outcome(b"\xff\xd8\xff\xe0"),
        ["1: the file is a JPEG image; character cards in images are not read in this version"]
    );
}

#[test]
fn columns_are_known_in_any_case() {
    assert_eq!(
        only("ACT,Prompt,Own\nPoet,x,y\n").document.get("extensions"),
        Some(&json!({ "awesome_prompts": { "Own": "y" } }))
    );
    assert_eq!(
        only("Name,Tags,First_Mes\nA,\"x, y\",Hi\n").document,
        document(json!({ "name": "A", "tags": ["x", "y"], "first_mes": "Hi" }))
    );
    assert_eq!(outcome("Name,name\nA,b\n"), ["1: the header has the column \"name\" twice"]);
}

#[test]
fn a_file_of_no_known_format_says_why() {
    for (bytes, reason) in [
        (b"\xff\xfea\0" as &[u8], "1: the file is UTF-16; save it as UTF-8"),
        (b"\x1f\x8b\x08\0", "1: the file is compressed (gzip); unpack it first"),
        (
            b"nam,tags\nA,b\n",
            "1: no known format: the column \"nam\" is no field of a persona; did you mean name?",
        ),
        (b"description\nA\n", "1: no known format: there is no column \"name\""),
        (b"name,name\nA,b\n", "1: the header has the column \"name\" twice"),
        (b"[1]", "1 [0]: must be a JSON object"),
        (
            b"[{\"name\":\"A\"",
            "1 [0]: the JSON that starts here ends too early: the file is cut off",
        ),
    ] {
        assert_eq!(outcome(bytes), [reason], "{reason}");
    }
}

#[test]
fn an_item_that_is_too_large_is_refused_and_lines_go_on() {
    let long = "x".repeat(ITEM_BYTES_MAX);
    assert_eq!(
        outcome(format!("{{\"name\":\"A\"}}\n{{\"name\":\"{long}\"}}\n{{\"name\":\"C\"}}\n")),
        [
            "1: A".to_string(),
            format!("2: the line has more than {ITEM_BYTES_MAX} bytes"),
            "3: C".into()
        ]
    );
    let longer = "x".repeat(ITEM_BYTES_MAX + 100_000);
    assert_eq!(
        outcome(format!("act,prompt\nA,a\nB,\"{longer}\"\nC,c\n")),
        [
            "2: A".to_string(),
            format!("3: the row has more than {ITEM_BYTES_MAX} bytes"),
            "4: C".into()
        ]
    );
}

#[test]
fn equal_rows_become_personas_of_their_own_and_the_next_run_names_the_same() {
    let ids = || {
        items("act,prompt\nA,a\nA,a\n")
            .into_iter()
            .map(|item| item.expect("a valid item").id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(), ids());
    assert_ne!(ids()[0], ids()[1]);
}
