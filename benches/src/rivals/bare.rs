//! A bare axum server that answers fixed bytes: the limit of the HTTP stack.
//!
//! It has as many processes and threads as Persona Store, one inherited listener, the same headers
//! and the same size; but no database, no rules, no counting. It answers writes too, so that
//! `persona bench` can measure it.

use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, post};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;

use crate::Result;
use crate::arguments::Bare;
use crate::child::Server;

/// How long a process leaves the listener to the other processes after it accepted a connection, as
/// in Persona Store; otherwise the quickest process would get nearly all connections.
const COURTESY: Duration = Duration::from_millis(1);
/// Longest time for the head of a request, as in Persona Store.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Starts the bare server; every answer has the bytes of the file `body`.
pub fn start(body: &Path, workers: u16) -> Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare", "--workers", &workers.to_string(), "--body"]).arg(body);
    Server::start(command)
}

/// Role: binds, starts the processes, and ends with them.
pub fn serve(options: &Bare) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = OwnedFd::from(listener);
    let mut processes = Vec::new();
    for _ in 0..options.workers {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["bare-process", "--workers", &options.workers.to_string(), "--body"])
            .arg(&options.body);
        processes
            .push(command.stdin(Stdio::from(listener.try_clone()?)).stdout(Stdio::null()).spawn()?);
    }
    println!("listening on http://{address}");
    let ended = until_terminated();
    for process in &mut processes {
        end(process);
    }
    ended
}

fn until_terminated() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?.recv().await;
        Ok(())
    })
}

fn end(process: &mut Child) {
    // The process may be gone already; then there is nothing to end.
    let _ = process.kill();
    let _ = process.wait();
}

/// Role: one process; its listener is standard input.
pub fn serve_process(options: &Bare) -> Result<()> {
    // Without this the process would outlive a parent that is killed.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let listener = TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let body = Bytes::from(std::fs::read(&options.body)?);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / usize::from(options.workers)).max(1);
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let (listener, app) = (listener.try_clone()?, app(body.clone()));
            Ok(std::thread::spawn(move || accept(listener, &app)))
        })
        .collect::<Result<_>>()?;
    threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
}

/// The routes: every identity is a persona with this body, also after a write.
fn app(body: Bytes) -> Router {
    let routes = Router::new()
        .route("/api/v1/personas", post(answer))
        .route("/api/v1/personas/{id}", any(answer));
    routes.with_state(Arc::new(body))
}

async fn answer(State(body): State<Arc<Bytes>>, request: Request) -> Response {
    let known =
        request.headers().get(header::IF_NONE_MATCH).is_some_and(|tag| tag == "\"1-9f3c21aa\"");
    let status = match *request.method() {
        Method::POST => StatusCode::CREATED,
        Method::DELETE => StatusCode::NO_CONTENT,
        _ if known => StatusCode::NOT_MODIFIED,
        _ => StatusCode::OK,
    };
    let has_body = matches!(status, StatusCode::OK | StatusCode::CREATED);
    let mut response =
        Response::new(if has_body { Body::from(Bytes::clone(&body)) } else { Body::empty() });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if has_body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(header::ETAG, HeaderValue::from_static("\"1-9f3c21aa\""));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers
        .insert("x-request-id", HeaderValue::from_static("0193b0c2-7f3e-7a10-8c1d-000000000001"));
    response
}

fn accept(listener: TcpListener, app: &Router) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = TowerToHyperService::new(app.clone());
            tokio::spawn(async move {
                let mut server = hyper::server::conn::http1::Builder::new();
                server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
                // An error means that the client went away, which is no fault of the server.
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
            tokio::time::sleep(COURTESY).await;
        }
    })
}
