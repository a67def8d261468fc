//! Short texts of clients: conditions, cursors, positions, handles, labels, owners, tokens, times,
//! searches, addresses.
//!
//! A text that is read prints as it was, where its form is the only one of its value.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use persona_http::{ClientAddress, Network};
use persona_model::{
    Cursor, EntityTag, FeedPlace, Filter, HandleName, HandlePrefix, LabelName, LabelTag, Owner,
    PersonaId, Position, Search, Since, Sort, Timestamp,
};
use persona_storage::database_url::DatabaseUrl;
use persona_storage::{TokenHash, TokenSecret};

/// Reads the text in every way.
pub fn run(bytes: &[u8]) {
    let _ = TokenHash::of_secret(bytes);
    of_proxy(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let printed = [
        EntityTag::parse(text).map(|tag| tag.to_string()),
        LabelTag::parse(text).map(|tag| tag.to_string()),
        HandleName::parse(text).map(|handle| handle.to_string()),
        LabelName::parse(text).ok().map(|label| label.as_str().to_owned()),
        text.parse::<Owner>().ok().map(|owner| owner.as_str().to_owned()),
        HandlePrefix::parse(text).map(|prefix| prefix.as_str().to_owned()),
        TokenSecret::parse(text).ok().map(|secret| secret.expose().to_owned()),
    ];
    for printed in printed.into_iter().flatten() {
        assert_eq!(printed, text);
    }
    // These have other spellings too: leading zeros, capitals, other zones.
    if let Some(position) = Position::parse(text) {
        assert_eq!(Position::parse(&position.to_string()), Some(position));
    }
    if let Some(place) = FeedPlace::parse(text) {
        assert_eq!(FeedPlace::parse(&place.to_string()), Some(place));
    }
    if let Some(id) = PersonaId::parse(text) {
        assert_eq!(PersonaId::parse(&id.to_string()), Some(id));
    }
    if let Some(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
    }
    let since = Since::parse(text);
    assert!(!(matches!(since, Some(Since::Time(_))) && Position::parse(text).is_some()));
    let (filter, sort) = (Filter::default(), Sort::DEFAULT);
    if let Ok(cursor) = Cursor::decode(text, &filter, sort) {
        let again = Cursor::decode(&cursor.encode(&filter, sort), &filter, sort);
        assert_eq!(again.map(|again| again.id), Ok(cursor.id));
    }
    if let Some(prefix) = HandlePrefix::parse(text) {
        assert!(prefix.end().as_str() > prefix.as_str());
    }
    if let Ok(search) = Search::parse(text) {
        assert!(!search.wanted.is_empty() || !search.unwanted.is_empty());
    }
    if let Err(error) = DatabaseUrl::parse(text) {
        let _ = (error.to_string(), error.hint());
    }
}

/// The addresses that proxies name; `127.0.0.1` is trusted, and so is `10.0.0.0/8`.
fn of_proxy(bytes: &[u8]) {
    let trusted = ["127.0.0.1", "10.0.0.0/8"].map(|text| Network::parse(text).expect("a range"));
    let peer = IpAddr::from([127, 0, 0, 1]);
    let mut headers = HeaderMap::new();
    for (line, name) in bytes.split(|byte| *byte == b'\n').zip(["forwarded", "x-forwarded-for"]) {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(name, value);
    }
    let client = ClientAddress::of_request(peer, &headers, &trusted);
    let elsewhere = IpAddr::from([192, 0, 2, 1]);
    let untrusted = ClientAddress::of_request(elsewhere, &headers, &trusted);
    // What a client says of itself counts only behind a trusted proxy.
    assert_eq!(untrusted, ClientAddress::of_peer(elsewhere));
    let _ = client.to_string();
    if let Some(network) = std::str::from_utf8(bytes).ok().and_then(Network::parse) {
        let _ = network.contains(peer);
    }
}
