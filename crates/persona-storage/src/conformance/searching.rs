//! Personas are found by their words.

use persona_model::{Cursor, Filter, ListRequest, Precondition, Search, Sort, filter_tags};
use serde_json::json;

use super::TestClock;
use super::steps::{Subject, create, delete, guess, merge, replace, revision, undelete};

fn request(text: &str, sort: Sort) -> ListRequest {
    let filter =
        Filter { search: Some(Search::parse(text).expect("a search")), ..Filter::default() };
    ListRequest { filter, sort, after: None, limit: 100, count: true }
}

async fn search_by(store: &Subject, text: &str, sort: Sort) -> Vec<u8> {
    let page = store.list(request(text, sort)).await.expect("listed");
    assert_eq!(page.total, Some(page.items.len() as u64), "{text}");
    page.items.iter().map(|answer| answer.id.as_bytes()[15]).collect()
}

/// The personas that are found, in order of creation.
pub(super) async fn search(store: &Subject, text: &str) -> Vec<u8> {
    search_by(store, text, "created_at".parse::<Sort>().expect("an order")).await
}

pub async fn a_search_finds_words_phrases_prefixes_and_leaves_out_exclusions(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "Linux Terminal", "tags": ["shell"], "system_prompt": "Act as a linux terminal." })).await;
    create(
        store,
        2,
        json!({ "name": "Zoë", "nickname": "Crème", "description": "terminal velocity, linux" }),
    )
    .await;
    create(
        store,
        3,
        json!({ "name": "中日双语翻译专家", "tags": ["翻译"], "alternate_greetings": ["你好 👋"] }),
    )
    .await;
    let expected: [(&str, &[u8]); 26] = [
        ("linux", &[1, 2]),
        ("LINUX terminal", &[1, 2]),
        ("\"linux terminal\"", &[1]),
        ("\"terminal linux\"", &[]),
        ("term*", &[1, 2]),
        ("term", &[]),
        ("\"linux ter\"*", &[1]),
        ("linux -shell", &[2]),
        ("-linux", &[3]),
        ("-linux -shell", &[3]),
        ("zoe creme", &[2]),
        ("翻译", &[3]),
        ("双语翻", &[3]),
        ("译翻", &[]),
        ("👋", &[3]),
        ("shell OR linux", &[]),
        // One letter that may go on is looked for in name and tags only.
        ("t*", &[1]),
        ("a*", &[]),
        ("s* l*", &[1]),
        ("linux z*", &[2]),
        ("velocity t*", &[]),
        ("\"terminal v\"*", &[]),
        ("\"linux t\"*", &[1]),
        ("terminal -v* -s*", &[2]),
        ("翻*", &[3]),
        ("name:linux", &[]),
    ];
    for (text, wanted) in expected {
        assert_eq!(search(store, text).await, wanted, "{text}");
    }
}

pub async fn signs_belong_to_words_and_letters_are_folded_fully(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "C++ tutor", "description": "Templates, and C++17." })).await;
    create(store, 2, json!({ "name": "C tutor", "tags": ["C#"], "description": "Pointers" })).await;
    create(store, 3, json!({ "name": ".NET helper", "description": "F#, node.js; die Straße" }))
        .await;
    create(store, 4, json!({ "name": "net fisher", "nickname": "Σίσυφος", "description": "ﬁne STRASSE in İzmir" })).await;
    let expected: [(&str, &[u8]); 21] = [
        ("c++", &[1]),
        ("C", &[1, 2]),
        ("c -c++", &[2]),
        ("c#", &[2]),
        ("C#*", &[2]),
        ("\"c++ 17\"", &[1]),
        ("\"c tutor\"", &[2]),
        ("tutor", &[1, 2]),
        (".net", &[3]),
        (".n*", &[3]),
        ("net", &[3, 4]),
        ("net -.net", &[4]),
        ("f#", &[3]),
        ("c+", &[]),
        ("node.js", &[3]),
        ("\"node js\"", &[3]),
        ("strasse", &[3, 4]),
        ("STRAẞE", &[3, 4]),
        ("ΣΊΣΥΦΟΣ", &[4]),
        ("FINE izmir", &[4]),
        ("ızmir", &[]),
    ];
    for (text, wanted) in expected {
        assert_eq!(search(store, text).await, wanted, "{text}");
        let mut by_relevance = search_by(store, text, Sort::RELEVANCE).await;
        by_relevance.sort_unstable();
        assert_eq!(by_relevance, wanted, "{text} by relevance");
    }
    assert_eq!(search_by(store, "net", Sort::RELEVANCE).await, [4, 3]);
    assert_eq!(search_by(store, "c#", Sort::RELEVANCE).await, [2]);
}

pub async fn tags_are_found_in_any_case_after_every_kind_of_change(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "a", "tags": ["Math", "MATH", "Straße"] })).await;
    create(store, 2, json!({ "name": "b", "tags": ["math", "Ähre"] })).await;
    let found = async |tags: &[&str]| {
        let filter =
            Filter { tags: filter_tags(tags.iter().copied()).expect("few"), ..Filter::default() };
        let sort = "created_at".parse::<Sort>().expect("an order");
        let page = store
            .list(ListRequest { filter, sort, after: None, limit: 10, count: true })
            .await
            .expect("listed");
        assert_eq!(page.total, Some(page.items.len() as u64));
        page.items.iter().map(|answer| answer.id.as_bytes()[15]).collect::<Vec<u8>>()
    };
    assert_eq!((found(&["MATH"]).await, found(&["math", "Math"]).await), (vec![1, 2], vec![1, 2]));
    assert_eq!(
        (found(&["STRASSE"]).await, found(&["ähre"]).await, found(&["Ahre"]).await),
        (vec![1], vec![2], vec![])
    );
    merge(store, 1, json!({ "tags": ["mAth"] })).await.expect("patched");
    assert_eq!((found(&["MATH"]).await, found(&["strasse"]).await), (vec![1, 2], vec![]));
    replace(store, 2, Precondition::Any, json!({ "name": "b", "tags": ["Poet"] }))
        .await
        .expect("replaced");
    assert_eq!((found(&["MATH"]).await, found(&["POET"]).await), (vec![1], vec![2]));
    assert_eq!((search(store, "MATH").await, search(store, "poet").await), (vec![1], vec![2]));
}

pub async fn a_search_follows_every_change_at_once(store: &Subject, _clock: &TestClock) {
    create(store, 1, json!({ "name": "Ada", "description": "numbers" })).await;
    merge(store, 1, json!({ "description": "letters" })).await.expect("patched");
    assert_eq!((search(store, "numbers").await, search(store, "letters").await), (vec![], vec![1]));
    merge(store, 1, json!({ "extensions": { "words": "hidden" } })).await.expect("patched");
    assert_eq!((search(store, "hidden").await, search(store, "letters").await), (vec![], vec![1]));
    replace(store, 1, Precondition::Any, json!({ "name": "Bea" })).await.expect("replaced");
    assert_eq!(
        (search(store, "letters").await, search(store, "ada").await, search(store, "bea").await),
        (vec![], vec![], vec![1])
    );
    delete(store, 1, Precondition::Any).await.expect("deleted");
    assert_eq!(search(store, "bea").await, Vec::<u8>::new());
    undelete(store, 1).await.expect("undeleted");
    assert_eq!(search(store, "bea").await, [1]);
    replace(store, 1, guess(&[revision(1)]), json!({ "name": "Cleo" })).await.expect_err("refused");
    assert_eq!((search(store, "cleo").await, search(store, "bea").await), (vec![], vec![1]));
}

pub async fn a_name_counts_for_more_than_a_tag_and_a_tag_for_more_than_a_text(
    store: &Subject,
    _clock: &TestClock,
) {
    create(store, 1, json!({ "name": "Ada", "description": "A wizard of numbers." })).await;
    create(store, 2, json!({ "name": "Bea", "tags": ["wizard"], "description": "Letters." })).await;
    create(store, 3, json!({ "name": "Wizard", "description": "Spells." })).await;
    create(store, 4, json!({ "name": "Cleo", "description": "Queen." })).await;
    assert_eq!(search_by(store, "wizard", Sort::RELEVANCE).await, [3, 2, 1]);
    assert_eq!(search_by(store, "w*", Sort::RELEVANCE).await, [3, 2]);
    assert_eq!(search_by(store, "numbers a*", Sort::RELEVANCE).await, [1]);
    assert_eq!(search_by(store, "wizard -l* -s*", Sort::RELEVANCE).await, [3, 2, 1]);
    assert_eq!(search_by(store, "wizard -b*", Sort::RELEVANCE).await, [3, 1]);
    // Page by page it is the same order.
    let mut request = request("wizard", Sort::RELEVANCE);
    request.limit = 1;
    let mut seen = Vec::new();
    loop {
        let page = store.list(request.clone()).await.expect("listed");
        seen.extend(page.items.iter().map(|answer| answer.id.as_bytes()[15]));
        let Some(next) = page.next_cursor else { break };
        request.after =
            Some(Cursor::decode(&next, &request.filter, request.sort).expect("its own cursor"));
    }
    assert_eq!(seen, [3, 2, 1]);
}
