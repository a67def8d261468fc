//! What a server over PostgreSQL says of the tasks that only a file needs.

use serde_json::Value;

use crate::common::Server;

#[test]
fn tasks_of_a_file_are_not_offered_and_each_says_what_to_do_instead() {
    let server = Server::with_workers(1).start();
    for (task, words) in
        [("backup", "pg_dump"), ("checkpoint", "by itself"), ("check", "pg_amcheck")]
    {
        let path = format!("/api/v1/server/{task}");
        let reply = server.connect().request("POST", &path, &[], b"").expect("an answer");
        let problem: Value = reply.json();
        assert_eq!((reply.status, problem["code"].as_str()), (409, Some("task_not_offered")));
        assert!(problem["detail"].as_str().is_some_and(|why| why.contains(words)), "{problem}");
    }
    let page: Value = server.connect().get("/api/v1/server/tasks").expect("an answer").json();
    let items = page["items"].as_array().expect("tasks");
    assert!(items.len() == 3 && items.iter().all(|task| task["not_offered"].is_string()), "{page}");
    let page: Value = server.connect().get("/api/v1/server/findings").expect("an answer").json();
    let items = page["items"].as_array().expect("findings");
    let names: Vec<&str> = items.iter().filter_map(|one| one["check"].as_str()).collect();
    assert!(names.contains(&"connections") && names.contains(&"durability"), "{page}");
    assert!(!names.contains(&"WAL") && !names.contains(&"backups"), "{page}");
}
