//! `GET /`.

use crate::http::server::Server;

#[tokio::test]
async fn programs_get_links_and_each_of_them_leads_somewhere() {
    let server = Server::start();
    let landing = server.send("GET", "/").header("accept", "*/*").send().await.json();
    assert_eq!(landing["name"], "Persona Store");
    for (name, link) in landing["links"].as_object().expect("links") {
        assert_eq!(server.get(link.as_str().expect("a path")).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn browsers_get_the_studio_with_files_that_they_keep_for_ever() {
    let server = Server::start();
    let page = server
        .send("GET", "/")
        .header("accept", "text/html,application/xhtml+xml;q=0.9")
        .send()
        .await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(
        (page.header("cache-control"), page.header("vary")),
        (Some("no-cache"), Some("Accept"))
    );
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    for rule in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.split("; ").any(|one| one == rule), "{rule}: {policy}");
    }
    let html = String::from_utf8(page.body.to_vec()).expect("UTF-8");
    let files: Vec<&str> = html.split('"').filter(|part| part.starts_with("studio/")).collect();
    // Five sheets of styles, an icon, and twice the joined script beside the runtime.
    assert_eq!(files.len(), 9, "{html}");
    for file in files {
        let path = format!("/{file}");
        let plain = server.get(&path).await;
        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"));
        let packed = server.send("GET", &path).header("accept-encoding", "gzip").send().await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        assert!(
            packed.body.starts_with(&[0x1f, 0x8b]) && plain.header("content-encoding").is_none()
        );
    }
    let tag = page.header("etag").expect("a tag").to_owned();
    let again =
        server.send("GET", "/").header("accept", "text/html").header("if-none-match", &tag).send();
    let again = again.await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
}

#[tokio::test]
async fn a_file_of_another_version_or_from_elsewhere_is_not_found() {
    let server = Server::start();
    let page = server.send("GET", "/").header("accept", "text/html").send().await;
    let html = String::from_utf8(page.body.to_vec()).expect("UTF-8");
    let version = html.split("studio/").nth(1).and_then(|rest| rest.split('/').next());
    let version = version.expect("a version").to_owned();
    for path in [
        "/studio/0000000000000000/app/shell.js".to_owned(),
        format!("/studio/{version}/app/nothing.js"),
        format!("/studio/{version}/tests/harness.js"),
        format!("/studio/{version}/app/..%2f..%2fCargo.toml"),
        format!("/studio/{version}/%2e%2e/index.html"),
    ] {
        assert_eq!(server.get(&path).await.refusal(), (404, "no_such_route".into()), "{path}");
    }
}
