//! Load by wrk, an independent tool; each answer waits for the one before on its connection (closed
//! loop).

use std::process::Command;

use serde_json::Value;

use crate::child::output;
use crate::place::Place;
use crate::{Result, personas};

/// Threads of wrk: one for each core that the servers have too, so that it is never the limit
/// alone.
const THREADS_MAX: u32 = 2;
/// wrk leaves answers that take longer out of its percentiles, so this is longer than any answer
/// takes.
const ANSWER_MAX: &str = "30s";

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    /// Reads random personas, each as often as any other.
    Get,
    /// Reads random personas, a few of them far more often than the others (Zipf, exponent 1).
    Zipf,
    /// Reads a persona that the client has already; its entity tag is in the aim.
    Known,
    /// Changes a small field of random personas.
    Patch,
    /// The same for a server that knows PUT only.
    Put,
    /// Makes personas of the usual size.
    Create,
}

/// Where it is sent.
#[derive(Clone, Debug)]
pub struct Aim {
    /// The server.
    pub url: String,
    /// The path of a persona without its identity.
    pub base: &'static str,
    /// How the identity of a persona is made of its number, as C's `printf` takes it.
    pub id_format: &'static str,
    /// Personas there are, or 1 for a hot one.
    pub personas: u64,
    /// The entity tag of the first persona, with its quotes.
    pub tag: String,
    /// A further header field that is sent, its name and its value; no name for none.
    pub field: [String; 2],
}

/// What wrk measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// Good answers a second.
    pub rate: f64,
    /// Milliseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// Answers with an error status, broken connections, and answers that took longer than 30
    /// seconds.
    pub errors: f64,
}

/// Runs one load.
pub fn run(
    place: &Place,
    aim: &Aim,
    load: Load,
    connections: u32,
    seconds: u32,
) -> Result<Measured> {
    let kind = match load {
        Load::Get => "get",
        Load::Zipf => "zipf",
        Load::Known => "known",
        Load::Patch => "patch",
        Load::Put => "put",
        Load::Create => "create",
    };
    let threads = THREADS_MAX.min(connections);
    let mut command = Command::new("wrk");
    command
        .arg(format!("-t{threads}"))
        .arg(format!("-c{connections}"))
        .arg(format!("-d{seconds}s"))
        .args(["--timeout", ANSWER_MAX]);
    command.arg("-s").arg(place.path("benches/load.lua")).arg(&aim.url);
    command.args(["--", kind, aim.base, &aim.personas.to_string(), aim.id_format]);
    // What a new persona says; its name differs from one to the next.
    command.arg(personas::prompt(0, personas::USUAL_BYTES)).arg(&aim.tag).args(&aim.field);
    parse(&output(&mut command)?)
}

fn parse(text: &str) -> Result<Measured> {
    let result = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .ok_or("wrk printed no result")?;
    let result: Value = serde_json::from_str(result)?;
    let number = |name: &str| result[name].as_f64().ok_or_else(|| format!("wrk told no {name}"));
    let (refused, broken, late) = (number("refused")?, number("broken")?, number("late")?);
    let ms = |name: &str| number(name).map(|micros| micros / 1000.0);
    Ok(Measured {
        rate: (number("requests")? - refused) / (number("micros")? / 1e6),
        p50: ms("p50")?,
        p99: ms("p99")?,
        p999: ms("p999")?,
        max: ms("max")?,
        errors: refused + broken + late,
    })
}

impl Aim {
    /// The same with a further header field.
    pub fn with(self, name: &str, value: &str) -> Self {
        Self { field: [name.into(), value.into()], ..self }
    }

    /// Ours, or the bare server.
    pub fn api(url: String, personas: u64) -> Self {
        Self {
            url,
            base: personas::PATH,
            id_format: personas::ID_FORMAT,
            personas,
            tag: String::new(),
            field: Default::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Measured, parse};

    #[test]
    fn only_good_answers_count_in_the_rate() {
        let text = "Running 1s test\nRESULT {\"requests\":1000,\"micros\":2000000,\"p50\":1500,\"p99\":2500,\"p999\":3000,\
                    \"max\":4000,\"refused\":100,\"broken\":2,\"late\":1}\n";
        let expected =
            Measured { rate: 450.0, p50: 1.5, p99: 2.5, p999: 3.0, max: 4.0, errors: 103.0 };
        assert_eq!(parse(text).expect("a result"), expected);
        assert!(parse("Running 1s test\n").is_err());
    }
}
