//! `GET /api/v1/docs` and its files.

use crate::http::server::Server;

#[tokio::test]
async fn the_page_takes_everything_it_needs_from_this_server() {
    let server = Server::start();
    let reply = server.get("/api/v1/docs").await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let page = String::from_utf8(reply.body.to_vec()).expect("UTF-8");
    assert!(!page.contains("://"), "the page names another server: {page}");
    let links: Vec<&str> = page.split(['"']).filter(|part| part.starts_with("docs/")).collect();
    assert_eq!(
        links,
        [
            "docs/favicon-32x32.png",
            "docs/swagger-ui.css",
            "docs/swagger-ui-bundle.js",
            "docs/start.js"
        ]
    );
    for link in links.into_iter().chain(["openapi.json"]) {
        let reply = server.get(&format!("/api/v1/{link}")).await;
        assert_eq!(reply.status, 200, "{link}");
        assert!(reply.body.len() > 100, "{link}");
    }
    let start = server.get("/api/v1/docs/start.js").await;
    assert_eq!(start.header("content-type"), Some("text/javascript"));
    assert!(String::from_utf8_lossy(&start.body).contains("url: \"openapi.json\""));
}

#[tokio::test]
async fn the_page_runs_nothing_but_the_scripts_of_this_server_and_cannot_be_framed() {
    let server = Server::start();
    let reply = server.get("/api/v1/docs").await;
    let policy = reply.header("content-security-policy").expect("a policy").to_owned();
    let of = |name: &str| {
        policy
            .split("; ")
            .find_map(|rule| rule.strip_prefix(name)?.strip_prefix(' '))
            .unwrap_or("none")
    };
    assert_eq!(
        (of("default-src"), of("script-src"), of("connect-src")),
        ("'none'", "'self'", "'self'")
    );
    assert_eq!(
        (of("frame-ancestors"), of("base-uri"), of("form-action")),
        ("'none'", "'none'", "'none'")
    );
    // The page has no inline script, and its markup has no handler: the policy would keep both from
    // running.
    let page = String::from_utf8(reply.body.to_vec()).expect("UTF-8");
    assert!(
        page.contains("<script src=") && !page.contains("<script>") && !page.contains(" on"),
        "{page}"
    );
}

#[tokio::test]
async fn files_have_their_media_type_and_unknown_ones_are_not_found() {
    let server = Server::start();
    assert_eq!(
        server.get("/api/v1/docs/swagger-ui.css").await.header("content-type"),
        Some("text/css")
    );
    assert_eq!(
        server.get("/api/v1/docs/swagger-ui-bundle.js").await.header("content-type"),
        Some("text/javascript")
    );
    assert_eq!(
        server.get("/api/v1/docs/favicon%2D32x32.png").await.header("content-type"),
        Some("image/png")
    );
    // Other pages of the library would be served without the policy of this page.
    for unknown in ["nothing.js", "index.html", "oauth2-redirect.html", "..%2fCargo.toml", "%ff"] {
        assert_eq!(
            server.get(&format!("/api/v1/docs/{unknown}")).await.refusal(),
            (404, "no_such_route".into()),
            "{unknown}"
        );
    }
}
