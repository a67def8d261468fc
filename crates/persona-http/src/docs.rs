//! `GET /api/v1/docs`: the API as a page to read and try, served from the binary without any other
//! server.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{Html, IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use persona_model::excerpt;
use utoipa_swagger_ui::Config;

use crate::personas;
use crate::problem::{Code, Problem};

/// The page. Its links are relative, so that it also works behind a proxy that adds a prefix.
const PAGE: &str = r#"<!doctype html>
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
<script src="docs/start.js"></script>
</body>
</html>
"#;

/// The script that starts the page. It is a file, because the policy of the page forbids inline
/// scripts.
const START_NAME: &str = "start.js";
const START: &str = r##"SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true, validatorUrl: null });
"##;

/// What the page may load and do (Content Security Policy, level 3): only files of this server; and
/// no other page may frame it. Inline styles and `data:` images are allowed, because the library of
/// the page uses them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers with the page.
pub async fn get_docs() -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response()
}

/// The files of the page, with the media types that the OpenAPI document declares. The other files
/// of the library are not served: some are pages, which would have no such policy.
const FILES: [(&str, &str); 3] = [
    ("swagger-ui.css", "text/css"),
    ("swagger-ui-bundle.js", "text/javascript"),
    ("favicon-32x32.png", "image/png"),
];
/// How long a browser may keep a file: files change only with a new version of the program.
const FILE_CACHE: &str = "public, max-age=3600";

/// Answers with a file of the page: style, script or icon.
pub async fn get_docs_file(request: Request) -> Result<Response, Problem> {
    let path = personas::plain(request.uri().path());
    let file = path.rsplit('/').next().unwrap_or_default();
    if file == START_NAME {
        return Ok(([(CONTENT_TYPE, "text/javascript"), (CACHE_CONTROL, FILE_CACHE)], START)
            .into_response());
    }
    let missing = || {
        let detail = format!("the documentation has no file {}", excerpt(file));
        Problem::new(Code::NoSuchRoute, detail)
    };
    let (name, media_type) =
        FILES.into_iter().find(|(name, _)| *name == file).ok_or_else(missing)?;
    let found = utoipa_swagger_ui::serve(name, Arc::new(Config::default()))
        .map_err(|_| missing())?
        .ok_or_else(missing)?;
    let mut response = Response::new(match found.bytes {
        // The bytes are part of the program, so that slow clients hold no copies in memory.
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(FILE_CACHE));
    if found.gzpipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
