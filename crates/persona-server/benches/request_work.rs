//! What a request costs between its head and its answer: without socket, HTTP library and file.
//!
//! Prints the processor time of a request of each kind. A count of instructions and of allocations
//! is more certain on a busy machine. The second of two runs makes more requests, so the difference
//! has no start in it; the kind `nothing` makes the same requests and sends none:
//!
//! ```sh
//! cargo bench -p persona-server --bench request_work -- plain 100000
//! valgrind PROGRAM plain 1000                        # allocations; and once more with 2000
//! valgrind --tool=callgrind PROGRAM plain 1000       # instructions; and once more with 2000
//! ```

#![expect(clippy::cast_precision_loss, reason = "figures are rounded for reading")]

mod app;

use std::net::{IpAddr, Ipv4Addr};

use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use persona_http::{Body, ClientAddress, PlainReads, Router, router};
use rustix::time::{ClockId, clock_gettime};

use app::{PATH, context, put};

const CLIENT: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
/// Requests of each kind when the command line names no number.
const REQUESTS: u64 = 100_000;
const KINDS: [&str; 6] = ["nothing", "plain", "plain-304", "router", "router-304", "patch"];

/// A request as clients send it.
fn request(kind: &str, tag: &str, number: u64) -> Request<Body> {
    let method = if kind == "patch" { "PATCH" } else { "GET" };
    let mut request = Request::builder()
        .method(method)
        .uri(PATH)
        .header(header::HOST, "127.0.0.1:8000")
        .header(header::USER_AGENT, "a client")
        .header(header::ACCEPT, "*/*");
    let mut body = Body::empty();
    if kind == "patch" {
        request = request.header(header::CONTENT_TYPE, "application/json");
        body = Body::from(format!(r#"{{"nickname":"change {number}"}}"#));
    } else if kind.ends_with("304") {
        request = request.header(header::IF_NONE_MATCH, tag);
    }
    let mut request = request.body(body).expect("a request");
    request.extensions_mut().insert(CLIENT);
    request
}

/// Processor time of this process since it began.
fn spent() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 * 1e6 + spent.tv_nsec as f64 / 1e3
}

/// Sends a request and reads its answer to the end.
async fn ask(kind: &str, router: &Router, plain: &PlainReads, mut request: Request<Body>) {
    let response: Response<Body> = if kind.starts_with("plain") {
        plain.answer(&mut request, CLIENT, None).expect("a plain read")
    } else {
        router.answer(request).await
    };
    let is_known = response.status() == StatusCode::NOT_MODIFIED;
    assert!(is_known == kind.ends_with("304") && (is_known || response.status() == StatusCode::OK));
    drop(response.into_body().collect().await.expect("a body"));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let requests = arguments.iter().find_map(|argument| argument.parse().ok());
    let requests = requests.unwrap_or(REQUESTS);
    let context = context();
    let (plain, router) = (PlainReads::new(context.clone()), router(context));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let created = runtime.block_on(router.answer(put()));
    assert_eq!(created.status(), StatusCode::CREATED);
    let tag = created.headers()[header::ETAG].to_str().expect("text").to_owned();
    let is_asked = |kind: &&str| {
        arguments.iter().any(|argument| argument == kind)
            || !arguments.iter().any(|argument| KINDS.contains(&argument.as_str()))
    };
    for kind in KINDS.into_iter().filter(is_asked) {
        let before = spent();
        runtime.block_on(async {
            for number in 0..requests {
                let request = request(kind, &tag, number);
                if kind != "nothing" {
                    ask(kind, &router, &plain, request).await;
                }
            }
        });
        println!("{kind}: {:.2} µs of processor time each", (spent() - before) / requests as f64);
    }
}
