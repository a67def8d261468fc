//! `GET /api/v1/docs` and its files.

use crate::server::Server;

#[tokio::test]
async fn the_page_takes_everything_it_needs_from_this_server() {
    let server = Server::start();
    let reply = server.get("/api/v1/docs").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let page = String::from_utf8(reply.body.to_vec()).expect("UTF-8");
    assert!(!page.contains("://"), "the page names another server: {page}");
    let links: Vec<&str> = page.split(['"']).filter(|part| part.starts_with("docs/") || part.contains("openapi")).collect();
    assert_eq!(links, ["docs/favicon-32x32.png", "docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "openapi.json"]);
    for link in links {
        let reply = server.get(&format!("/api/v1/{link}")).await;
        assert_eq!(reply.status, 200, "{link}");
        assert!(reply.body.len() > 500, "{link}");
    }
}

#[tokio::test]
async fn files_have_their_media_type_and_unknown_ones_are_not_found() {
    let server = Server::start();
    assert_eq!(server.get("/api/v1/docs/swagger-ui.css").await.header("content-type"), Some("text/css"));
    assert_eq!(server.get("/api/v1/docs/swagger-ui-bundle.js").await.header("content-type"), Some("text/javascript"));
    for unknown in ["nothing.js", "..%2fCargo.toml", "%ff"] {
        assert_eq!(server.get(&format!("/api/v1/docs/{unknown}")).await.refusal(), (404, "no_such_route".into()), "{unknown}");
    }
}
