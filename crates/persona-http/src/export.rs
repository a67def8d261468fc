//! `GET /api/v1/export`: every persona, one JSON text a line.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Version};
use http_body::Frame;
use persona_model::Reach;
use persona_storage::{Error, Export, ExportRequest, Exported, Party};

use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::contract::parameters::{HANDLE_PREFIX, HISTORY, INCLUDE_DELETED, OWNER};
use crate::extract::parameters::Parameters;
use crate::problem::{Code, Problem};
use crate::{Context, Turn};

/// A part is sent when it has this many bytes: large enough for few system calls, small enough for
/// memory.
const PART_BYTES: usize = 64 * 1024;

/// Answers with every persona of one snapshot.
pub async fn export_personas(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::read(request.uri(), OperationId::ExportPersonas);
    let exported = match (parameters.value(&HISTORY), parameters.value(&INCLUDE_DELETED)) {
        (Some(true), _) => Exported::History,
        (_, Some(true)) => Exported::All,
        _ => Exported::Living,
    };
    let (owned, handle_prefix) = (parameters.value(&OWNER), parameters.value(&HANDLE_PREFIX));
    parameters.done()?;
    if request.version() < Version::HTTP_11 {
        // HTTP/1.0 has no chunks: the end of the connection is the end of the body, so half an
        // export would look complete.
        return Err(Problem::new(Code::OldProtocol, "an export can only be sent with HTTP/1.1"));
    }
    let turn = context.turns.exports.try_turn(request.extensions().get::<Party>().copied())?;
    let wanted = ExportRequest { exported, owned, handle_prefix, reach: Reach::default() };
    let view = context.store.view(viewer_of(request.extensions())?);
    let export = view.export(wanted).await?;
    let mut response = Response::new(Body::new(Lines { export, _turn: Some(turn) }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"personas.ndjson\""),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The body. An error in mid-stream is an error of the body: the connection breaks before the
/// closing chunk, so no client takes a part for the whole.
struct Lines {
    export: Export,
    /// The turn, which is held until the client has the whole body or has left.
    _turn: Option<Turn>,
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut part = BytesMut::new();
        while part.len() < PART_BYTES {
            match self.export.poll_recv(task) {
                Poll::Ready(Some(Ok(answer))) => {
                    part.extend_from_slice(&answer.body);
                    part.extend_from_slice(b"\n");
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::error!(
                        cause = &error as &dyn std::error::Error,
                        "an export was broken off"
                    );
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Pending if part.is_empty() => return Poll::Pending,
                Poll::Ready(None) if part.is_empty() => return Poll::Ready(None),
                Poll::Pending | Poll::Ready(None) => break,
            }
        }
        Poll::Ready(Some(Ok(Frame::data(part.freeze()))))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use bytes::Bytes;
    use http_body_util::BodyExt;
    use persona_model::{PersonaId, Revision};
    use persona_storage::{Error, Export, Representation};

    use super::Lines;

    fn answer(body: &'static str) -> Representation {
        Representation {
            id: PersonaId::from_bytes([7; 16]),
            revision: Revision::FIRST,
            checksum: 0,
            deleted: false,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[tokio::test]
    async fn answers_become_lines() {
        let export = Export::of([answer("{\"a\":1}"), answer("{\"b\":2}")], Ok(()));
        let body =
            Body::new(Lines { export, _turn: None }).collect().await.expect("whole").to_bytes();
        assert_eq!(body, "{\"a\":1}\n{\"b\":2}\n");
    }

    #[tokio::test]
    async fn an_error_in_mid_stream_breaks_the_body() {
        let export = Export::of([answer("{}")], Err(Error::Busy { what: "a slow reader" }));
        assert!(Body::new(Lines { export, _turn: None }).collect().await.is_err());
    }
}
