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
async fn browsers_are_sent_to_the_documentation() {
    let server = Server::start();
    let reply = server
        .send("GET", "/")
        .header("accept", "text/html,application/xhtml+xml;q=0.9")
        .send()
        .await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, Some("/api/v1/docs")));
}
