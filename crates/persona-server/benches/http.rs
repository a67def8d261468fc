//! Reads through the whole router, without a socket and without a file: what HTTP adds to a point
//! read.
//!
//! `./bench --micro` runs these and compares them with `benches/baseline.json`.

mod app;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{Request, StatusCode, header};
use persona_http::{Body, router};

use app::{PATH, context, put};

fn get(known: &str) -> Request<Body> {
    Request::get(PATH).header(header::IF_NONE_MATCH, known).body(Body::empty()).expect("a request")
}

fn reads(criterion: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let app = router(context());
    let created = runtime.block_on(app.answer(put()));
    assert_eq!(created.status(), StatusCode::CREATED);
    let tag = created.headers()[header::ETAG].to_str().expect("text").to_owned();
    let many =
        (2..40).map(|revision| format!("\"{revision}-9f3c21aa\"")).collect::<Vec<_>>().join(", ");
    for (name, known, status) in [
        ("get_through_the_router", "\"2-9f3c21aa\"", StatusCode::OK),
        ("not_modified_through_the_router", tag.as_str(), StatusCode::NOT_MODIFIED),
        ("entity_tags_parsed_38", many.as_str(), StatusCode::OK),
    ] {
        criterion.bench_function(name, |bencher| {
            let ask = |request: Request<Body>| {
                let answer: http::Response<Body> = runtime.block_on(app.answer(request));
                assert_eq!(answer.status(), status);
            };
            bencher.iter_batched(|| get(known), ask, BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, reads);
criterion_main!(benches);
