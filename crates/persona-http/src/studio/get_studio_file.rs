//! `GET /studio/{version}/{folder}/{file}`: a script, a style sheet or a picture of the page.

use axum::extract::Request;
use axum::response::Response;
use persona_model::excerpt;

use super::files;
use crate::personas;
use crate::problem::{Code, Problem};

/// Answers with a file of the studio.
pub async fn get_studio_file(request: Request) -> Result<Response, Problem> {
    let path = personas::plain(request.uri().path());
    files::file(&path, request.headers()).ok_or_else(|| {
        let detail = format!("the studio has no file {}", excerpt(&path));
        Problem::new(Code::NoSuchRoute, detail).hint("load the page / again: it names its files")
    })
}
