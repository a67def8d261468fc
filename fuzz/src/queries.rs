//! Queries: the parameters of every operation that has some.
//!
//! The first byte chooses the path, the rest is the query.

use super::api::{Api, PERSONA, answer, request_of, wait};

/// What is behind the path of the persona, and paths without it.
const OF_PERSONA: [&str; 6] =
    ["", "/revisions", "/diff", "/labels", "/labels/production", "/labels/production/moves"];
const OTHERS: [&str; 7] = [
    "/api/v1/personas",
    "/api/v1/export",
    "/api/v1/events",
    "/api/v1/tokens",
    "/api/v1/status",
    "/api/v1/personas/@ada",
    "/api/v1/counts",
];

/// The paths that are asked, in the order in which the first byte chooses them.
pub fn paths() -> Vec<String> {
    let of_persona = OF_PERSONA.map(|rest| format!("{PERSONA}{rest}"));
    [&of_persona[..], &OTHERS.map(str::to_owned)].concat()
}

/// Asks with the query, and with its parameters in the other order: no answer is a failure of the
/// server, and the order makes no difference to its status.
pub fn run(bytes: &[u8]) {
    let Some((chosen, query)) = bytes.split_first() else { return };
    // A line feed would end the line of the request.
    if query.contains(&b'\n') {
        return;
    }
    let paths = paths();
    let path = &paths[usize::from(*chosen) % paths.len()];
    let reversed = query.rsplit(|byte| *byte == b'&').collect::<Vec<_>>().join(&b'&');
    wait(async {
        let api = Api::new().await;
        let mut statuses = Vec::new();
        for query in [query, &reversed] {
            let line = [b"GET ", path.as_bytes(), b"?", query, b"\naccept: application/json"];
            let Some(request) = request_of(&line.concat()) else { return };
            let Some((status, body)) = answer(&api.open, request).await else { return };
            assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&body));
            statuses.push(status);
        }
        assert_eq!(statuses[0], statuses[1], "{}", String::from_utf8_lossy(query));
    });
}
