//! `persona watch`: changes as they are committed, printed, or given to a command.

use std::process::Stdio;
use std::time::Duration;

use http::header::{ACCEPT, HeaderName};
use http::{Method, Response, StatusCode};
use persona_http::Body;
use persona_http::contract::OperationId;
use persona_http::contract::events::Event;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::oneshot;

use super::arguments::Watch;
use super::resolve::resolve;
use super::target::{self, Access};
use crate::client::{Api, EventReader, Query, Reply, Told, request};
use crate::failure::Failure;
use crate::terminal::{Output, harmless};

/// Pause before the first attempt to connect again after a stream has ended. Each further pause is
/// twice as long, up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Watches until the user ends it, or until the wanted number of events has come.
pub async fn run(
    arguments: &Watch,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let api = target::open(&arguments.target, Access::Read, environment, output)?;
    let path = path_of(&api, arguments, output).await?;
    let watching = Watching { arguments, output, place: None, left: arguments.count };
    tokio::select! {
        ended = follow(&api, &path, watching) => ended?,
        // Without this branch, the command would notice only at the next event that the reader of
        // the pipe has ended.
        () = reader_is_gone(), if arguments.exec.is_none() => {}
    }
    api.close().await;
    Ok(())
}

/// Reports events, over as many streams as necessary.
async fn follow(api: &Api, path: &str, mut watching: Watching<'_>) -> Result<(), Failure> {
    // A failure at the start ends the command, because the address is probably wrong.
    let mut response: Result<_, Failure> = Ok(watching.connect(api, path).await?);
    let mut pause = PAUSE_MIN;
    while !watching.has_all() {
        match response {
            Ok(stream) => {
                if watching.read(EventReader::new(stream)).await? {
                    pause = PAUSE_MIN;
                }
            }
            Err(failure) => watching.output.warn(&format!("{}; still trying", failure.message)),
        }
        if watching.has_all() {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
        response = match watching.connect(api, path).await {
            Err(failure) if !can_pass(&failure) => return Err(failure),
            response => response,
        };
    }
    Ok(())
}

/// Returns when standard output has no reader any more; never returns if the system cannot tell.
async fn reader_is_gone() {
    let (tell, told) = oneshot::channel();
    let wait = move || {
        let output = std::io::stdout();
        // No event is requested, because `poll` always reports errors, and a closed other end is
        // one.
        let mut ends = [PollFd::new(&output, PollFlags::empty())];
        if retry_on_intr(|| poll(&mut ends, None)).is_ok() {
            let _ = tell.send(());
        }
    };
    // A plain thread is used, because the program does not wait for it at its end.
    let started = std::thread::Builder::new().name("persona: reader".into()).spawn(wait);
    if started.is_err() || told.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether the same request can succeed later.
fn can_pass(failure: &Failure) -> bool {
    matches!(failure.code, ExitCode::Unavailable | ExitCode::TryAgain)
}

async fn path_of(api: &Api, arguments: &Watch, output: &Output) -> Result<String, Failure> {
    let mut query = Query::new(OperationId::FollowEvents.path());
    for name in &arguments.personas {
        query = query.with("persona", &resolve(api, name, output).await?.to_string());
    }
    for kind in &arguments.kind {
        query = query.with("kind", kind);
    }
    for tag in &arguments.tag {
        query = query.with("tag", tag);
    }
    query = query.with_some("owner", arguments.owner.as_deref());
    for label in &arguments.label {
        query = query.with("label", label);
    }
    query = query.with_some("after", arguments.after.as_deref());
    Ok(query.with_some("include", arguments.document.then_some("document")).into_path())
}

/// The state of the command.
struct Watching<'a> {
    arguments: &'a Watch,
    output: &'a Output,
    /// The place behind which the next stream starts; `None` before the first event or id.
    place: Option<String>,
    /// How many events are still wanted; `None` for all.
    left: Option<u64>,
}

impl Watching<'_> {
    fn has_all(&self) -> bool {
        self.left == Some(0)
    }

    async fn connect(&self, api: &Api, path: &str) -> Result<Response<Body>, Failure> {
        let mut headers = vec![(ACCEPT, "text/event-stream".to_owned())];
        headers.extend(self.place.iter().map(|place| (LAST_EVENT_ID, place.clone())));
        let response = api.stream(request(Method::GET, path, &headers, None)).await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        Reply::read(response).await?.success()?;
        Err(Failure::new(ExitCode::Unavailable, "the answer is no stream of events"))
    }

    /// Reports events until the stream ends or breaks off; returns whether any message came.
    ///
    /// # Errors
    ///
    /// An event could not be printed or given to the command.
    async fn read(&mut self, mut stream: EventReader) -> Result<bool, Failure> {
        let mut has_told = false;
        while !self.has_all() {
            let told = stream.next().await;
            has_told |= matches!(told, Ok(Some(_)));
            match told {
                Ok(Some(Told::Event(event, json))) => {
                    self.tell(&event, &json, stream.id_before()).await?;
                    self.left = self.left.map(|left| left.saturating_sub(1));
                    // The place has a proof of the database, which the id alone does not have.
                    self.place = event.place().map(|place| place.to_string());
                }
                Ok(Some(Told::Reset(reset))) => {
                    let sequence = reset.sequence;
                    if self.output.is_json() {
                        self.output.json(&json!({ "reset": sequence }))?;
                    }
                    self.output.warn(&format!(
                        "the place to go on from is not known here, so changes may be missing; \
                         what comes after {sequence} is told"
                    ));
                    self.place = Some(sequence.to_string());
                }
                Ok(None) | Err(_) => {
                    // The id can be beyond the last reported event, if the filter skipped later
                    // ones.
                    let last = stream.last_id().map(str::to_owned);
                    let is_further =
                        last.as_deref().map(number) > self.place.as_deref().map(number);
                    if is_further {
                        self.place = last;
                    }
                    if let Err(failure) = told {
                        self.output.warn(&format!("{}; going on", failure.message));
                    }
                    break;
                }
            }
        }
        Ok(has_told)
    }

    /// Prints an event, or gives it to the command. `place` is the one behind which it comes.
    async fn tell(&self, event: &Event, json: &str, place: Option<&str>) -> Result<(), Failure> {
        if let Some(command) = &self.arguments.exec {
            let given = give(command, event, json).await;
            return given.map_err(|failure| match place.map(number) {
                Some(place) => failure.hint(format!("--after {place} begins with this event")),
                None => failure,
            });
        }
        if self.output.is_json() {
            return self.output.json_text(json.as_bytes());
        }
        self.output.result(&line(event))
    }
}

/// Runs the command with an event, and waits for its end.
async fn give(command: &str, event: &Event, json: &str) -> Result<(), Failure> {
    let failed = |cause: &dyn std::fmt::Display| {
        let message = format!("the command failed at event {}", event.sequence);
        Failure::new(ExitCode::Failure, message).because(cause)
    };
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env("EVENT_SEQUENCE", event.sequence.to_string())
        .env("EVENT_PERSONA", &event.persona)
        .env("EVENT_REVISION", event.revision.to_string())
        .env("EVENT_KIND", kind(event))
        .env("EVENT_AT", event.at.0.to_string())
        .env("EVENT_LABEL", event.label.as_deref().unwrap_or_default())
        .env("EVENT_BY", event.by.as_deref().unwrap_or_default().replace('\0', ""))
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&error))?;
    if let Some(mut input) = child.stdin.take() {
        // An error is ignored, because a command need not read its input.
        drop(input.write_all(format!("{json}\n").as_bytes()).await);
    }
    let status = child.wait().await.map_err(|error| failed(&error))?;
    if status.success() { Ok(()) } else { Err(failed(&status)) }
}

/// The sequence number of a place.
fn number(place: &str) -> u64 {
    place.split('-').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn kind(event: &Event) -> String {
    let word = serde_json::to_value(event.kind).expect("a word is JSON");
    word.as_str().unwrap_or_default().to_owned()
}

/// An event for people, in columns that line up.
fn line(event: &Event) -> String {
    let label = event.label.as_deref().map_or(String::new(), |label| format!(" {label}"));
    let by = event.by.as_deref().map_or(String::new(), |by| format!(" by {by}"));
    harmless(&format!(
        "{} {} {:<10} {} {}{label}{by}",
        event.at.0,
        event.sequence,
        kind(event),
        event.persona,
        event.revision,
    ))
}
