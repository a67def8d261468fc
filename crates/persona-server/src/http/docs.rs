//! `GET /api/v1/docs`: the API as a page to read and try, served from the binary without any other server.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{Html, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use utoipa_swagger_ui::Config;

use super::problem::{Code, Problem};

/// The page. Its links are relative, so that it also works behind a proxy that adds a prefix.
const PAGE: &str = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Persona Store API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true, validatorUrl: null });
</script>
</body>
</html>
"##;

/// Answers with the page.
pub async fn get_docs() -> Html<&'static str> {
    Html(PAGE)
}

/// Answers with a file of the page: style, script or icon.
pub async fn get_docs_file(request: Request) -> Result<Response, Problem> {
    // The raw segment: no file of the page has a name that would have to be escaped.
    let file = request.uri().path().rsplit('/').next().unwrap_or_default();
    let missing = || Problem::new(Code::NoSuchRoute, format!("the documentation has no file {file}"));
    let found = utoipa_swagger_ui::serve(file, Arc::new(Config::default())).map_err(|_| missing())?.ok_or_else(missing)?;
    let content_type = HeaderValue::try_from(found.content_type).map_err(|_| missing())?;
    let mut response = Response::new(match found.bytes {
        // Part of the program: nothing is copied, however many clients read it slowly.
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    if found.gzpipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
