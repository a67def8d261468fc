//! Load by wrk, an independent tool; each request waits for the answer to the one before on its
//! connection (closed loop).

use std::process::Command;

use serde_json::Value;

use crate::child::output;
use crate::place::Place;
use crate::{Result, personas};

/// Most threads of wrk: one for each core, which the servers use too, so that wrk is never the
/// limit alone.
const THREADS_MAX: u32 = 2;
/// The longest time that wrk waits for an answer. wrk leaves later answers out of its percentiles,
/// so this is longer than any answer takes.
const ANSWER_MAX: &str = "30s";

/// The kind of request that is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    /// Reads random personas, each as often as any other.
    Get,
    /// Reads random personas, a few of them far more often than the others (Zipf, exponent 1).
    Zipf,
    /// Reads a persona that the client has already; the entity tag of the persona is in the aim.
    Known,
    /// Changes a small field of random personas.
    Patch,
    /// Changes a small field of random personas of a server that knows PUT only.
    Put,
    /// Makes personas of the usual size.
    Create,
}

/// Where requests are sent.
#[derive(Clone, Debug)]
pub struct Aim {
    /// The server.
    pub url: String,
    /// The path of a persona without its identity.
    pub base: &'static str,
    /// The format by which an identity is made of a number, as C's `printf` takes it.
    pub id_format: &'static str,
    /// How many personas there are, or 1 for one hot persona.
    pub personas: u64,
    /// The entity tag of the first persona, with its quotes.
    pub tag: String,
    /// A further header field that is sent, as name and value; an empty name for none.
    pub field: [String; 2],
}

/// What wrk measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// Good answers a second.
    pub rate: f64,
    /// The median time of an answer, in milliseconds.
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
    // The prompt of a new persona; its name differs from one persona to the next.
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
    /// The same aim with a further header field.
    pub fn with(self, name: &str, value: &str) -> Self {
        Self { field: [name.into(), value.into()], ..self }
    }

    /// The aim at Persona Store or the bare server.
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
