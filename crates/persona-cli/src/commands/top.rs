//! `persona top`: watches a server, as a view on a terminal or as lines.

use std::time::{Duration, Instant};

use persona_http::contract::OperationId;
use persona_model::Clock;
use persona_server::clock::SystemClock;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{MissedTickBehavior, interval};

use super::arguments::Top;
use super::target::server_address;
use crate::client::Api;
use crate::failure::Failure;
use crate::terminal::{Output, Tone, harmless};
use crate::top::{Emphasis, Input, Line, Look, Metrics, Reading, Screen, View, line};

/// Time between two looks at the server.
const PACE: Duration = Duration::from_secs(1);

/// How long an answer may take before the view says that the server does not answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(3);

/// Watches until the user ends it.
pub async fn run(
    arguments: &Top,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let (named, settings_file) = (arguments.server.as_deref(), arguments.config.as_ref());
    let server = server_address(named, &arguments.credentials, settings_file, environment, output)?;
    let url = server.to_string();
    let api = Api::remote(server);
    // A failure at the start ends the command, because the address is probably wrong.
    let first = look(&api).await?;
    let readings = watch(api, first);
    if arguments.once || output.is_json() || !Screen::is_possible() {
        print(readings, arguments.once, output).await
    } else {
        show(readings, &url, output).await
    }
}

async fn look(api: &Api) -> Result<Look, Failure> {
    let asked = async {
        let metrics = api.get(OperationId::GetMetrics.path()).await?.success()?;
        let status = api.get(OperationId::GetStatus.path()).await?.success()?.read_as()?;
        Ok(Look {
            at: Instant::now(),
            status,
            metrics: Metrics::read(&String::from_utf8_lossy(metrics.body())),
        })
    };
    let silent = || {
        Failure::new(
            ExitCode::Unavailable,
            format!("no answer within {} s", ANSWER_WAIT_MAX.as_secs()),
        )
    };
    tokio::time::timeout(ANSWER_WAIT_MAX, asked)
        .await
        .unwrap_or_else(|_| Err(silent().hint("ask `persona health` whether the server is ready")))
}

/// Looks once a second in a separate task, so that keys work while the command waits for an answer.
fn watch(api: Api, first: Look) -> Receiver<Result<Reading, Failure>> {
    let (sender, readings) = channel(1);
    tokio::spawn(async move {
        let mut before = first;
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace.tick().await;
        loop {
            pace.tick().await;
            let reading = match look(&api).await {
                Ok(now) => {
                    let reading = Reading::between(&before, &now);
                    before = now;
                    Ok(reading)
                }
                Err(failure) => Err(failure),
            };
            if sender.send(reading).await.is_err() {
                return;
            }
        }
    });
    readings
}

/// Prints one line a second, for pipes and files; a single line with `once`.
async fn print(
    mut readings: Receiver<Result<Reading, Failure>>,
    once: bool,
    output: &Output,
) -> Result<(), Failure> {
    // A server that cannot be reached is reported once, not each second.
    let mut told = None;
    loop {
        let reading = tokio::select! {
            reading = readings.recv() => reading.ok_or_else(|| Failure::silent(ExitCode::Failure))?,
            _ = tokio::signal::ctrl_c() => return Err(Failure::silent(ExitCode::Interrupted)),
        };
        match reading {
            Ok(reading) => {
                told = None;
                if output.is_json() {
                    output.json(&reading.to_json())?;
                } else {
                    output.result(&format!("{} {}", SystemClock.now(), line(&reading)))?;
                }
            }
            Err(failure) if once => return Err(failure),
            Err(failure) if told.as_ref() == Some(&failure.message) => {}
            Err(failure) => {
                output.warn(&format!("{}; still trying", failure.message));
                told = Some(failure.message);
            }
        }
        if once {
            return Ok(());
        }
    }
}

/// Shows the view until a key or a signal ends it.
async fn show(
    mut readings: Receiver<Result<Reading, Failure>>,
    url: &str,
    output: &Output,
) -> Result<(), Failure> {
    let failed = |error| Failure::io("could not use the terminal", &error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let screen = Screen::enter().map_err(failed)?;
    let mut inputs = screen.inputs();
    let mut view = View::new(url);
    loop {
        let lines: Vec<String> =
            view.frame(screen.size()).iter().map(|line| painted(line, output)).collect();
        screen.show(&lines).map_err(failed)?;
        tokio::select! {
            reading = readings.recv() => match reading {
                Some(Ok(reading)) => view.update(reading),
                Some(Err(failure)) => view.lost(failure.causes.last().unwrap_or(&failure.message)),
                None => return Err(Failure::silent(ExitCode::Failure)),
            },
            input = inputs.recv() => match input {
                Some(Input::Resize) => {}
                Some(Input::Quit) | None => return Ok(()),
            },
            _ = terminate.recv() => return Err(Failure::silent(ExitCode::Interrupted)),
            _ = hangup.recv() => return Err(Failure::silent(ExitCode::Interrupted)),
        }
    }
}

fn painted(line: &Line, output: &Output) -> String {
    let part = |text: &str, emphasis| {
        // The server is not trusted: its texts must not move the cursor.
        let text = harmless(text);
        match emphasis {
            Emphasis::Plain => text,
            Emphasis::Strong => output.paint(Tone::Strong, &text),
            Emphasis::Dim => output.paint(Tone::Dim, &text),
            Emphasis::Bars => output.paint(Tone::Hint, &text),
            Emphasis::Warning => output.paint(Tone::Warning, &text),
            Emphasis::Error => output.paint(Tone::Error, &text),
        }
    };
    line.iter().map(|span| part(&span.text, span.emphasis)).collect()
}
