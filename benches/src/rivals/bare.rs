//! A bare axum server that answers fixed bytes: the limit of the HTTP stack.
//!
//! It has as many processes and threads as Persona Store, one inherited listener, and the header
//! fields and the body of an answer of Persona Store; but no database, no rules, no counting. It
//! answers 304 to the entity tag among the fields, and writes too, so that `persona bench` can
//! measure it.

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
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;

use crate::Result;
use crate::arguments::Bare;
use crate::child::Server;
use crate::client::Answer;

/// How long a process leaves the listener to the other processes after it accepted a connection, as
/// in Persona Store; otherwise the quickest process would get nearly all connections.
const COURTESY: Duration = Duration::from_millis(1);
/// Longest time for the head of a request, as in Persona Store.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Starts the bare server; every answer is like this one, which is kept in files in a folder.
pub fn start(answer: &Answer, folder: &Path, workers: u16) -> Result<Server> {
    let (body, fields) = (folder.join("answer.json"), folder.join("answer.fields"));
    std::fs::write(&body, &answer.body)?;
    std::fs::write(&fields, answer.fields.join("\n"))?;
    Server::start(role("bare", &Bare { workers, body, fields })?)
}

/// The command of a role of this program.
fn role(name: &str, options: &Bare) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([name, "--workers", &options.workers.to_string()]);
    command.arg("--body").arg(&options.body).arg("--fields").arg(&options.fields);
    Ok(command)
}

/// Role: binds, starts the processes, and ends with them.
pub fn serve(options: &Bare) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = OwnedFd::from(listener);
    let mut processes = Vec::new();
    for _ in 0..options.workers {
        let mut command = role("bare-process", options)?;
        command.stdin(Stdio::from(listener.try_clone()?)).stdout(Stdio::null());
        processes.push(command.spawn()?);
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
    let answers = Arc::new(Answers::read(options)?);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / usize::from(options.workers)).max(1);
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let (listener, app) = (listener.try_clone()?, app(Arc::clone(&answers)));
            Ok(std::thread::spawn(move || accept(listener, &app)))
        })
        .collect::<Result<_>>()?;
    threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
}

/// What every answer has.
struct Answers {
    body: Bytes,
    /// The fields of an answer with a body.
    fields: HeaderMap,
    /// The fields of an answer without.
    fields_alone: HeaderMap,
}

impl Answers {
    fn read(options: &Bare) -> Result<Self> {
        let mut fields = HeaderMap::new();
        for line in std::fs::read_to_string(&options.fields)?.lines() {
            let (name, value) = line.split_once(':').ok_or("a field without a colon")?;
            fields.insert(HeaderName::try_from(name)?, HeaderValue::from_str(value.trim())?);
        }
        // The HTTP library adds these itself.
        fields.remove(header::DATE);
        fields.remove(header::CONTENT_LENGTH);
        let mut fields_alone = fields.clone();
        fields_alone.remove(header::CONTENT_TYPE);
        let body = std::fs::read(&options.body)?.into();
        Ok(Self { body, fields, fields_alone })
    }
}

/// The routes: every identity is the same persona, also after a write.
fn app(answers: Arc<Answers>) -> Router {
    let routes = Router::new()
        .route("/api/v1/personas", post(answer))
        .route("/api/v1/personas/{id}", any(answer));
    routes.with_state(answers)
}

async fn answer(State(answers): State<Arc<Answers>>, request: Request) -> Response {
    let tag = answers.fields.get(header::ETAG);
    let known =
        request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| tag == Some(known));
    let status = match *request.method() {
        Method::POST => StatusCode::CREATED,
        Method::DELETE => StatusCode::NO_CONTENT,
        _ if known => StatusCode::NOT_MODIFIED,
        _ => StatusCode::OK,
    };
    let has_body = matches!(status, StatusCode::OK | StatusCode::CREATED);
    let (body, fields) = if has_body {
        (Body::from(answers.body.clone()), &answers.fields)
    } else {
        (Body::empty(), &answers.fields_alone)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields.clone();
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
