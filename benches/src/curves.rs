//! How cost grows: one quantity is varied, and the others stay.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::arguments::Options;
use crate::client::Client;
use crate::place::Place;
use crate::rivals::ours::Ours;
use crate::spread::Spread;
use crate::tools::Tools;
use crate::wrk::{self, Aim, Load};
use crate::{Result, curve_chart, machine, personas};

/// Personas of the curves that vary another quantity than the number of personas.
const PERSONAS: u64 = 10_000;
/// Personas of the curve over sizes: with 256 KB each they take up 200 MB with their history.
const SIZED_PERSONAS: u64 = 400;
/// How many requests one figure of the curve over history is the median of.
const HISTORY_SAMPLES: usize = 100;

/// The measurements over one varied quantity.
pub struct Curve {
    pub name: &'static str,
    /// The varied quantity.
    pub axis: &'static str,
    /// The measured series, each with its unit.
    pub series: &'static [&'static str],
    /// The varied value, and one figure for each series.
    pub points: Vec<(f64, Vec<f64>)>,
}

/// The series that are measured under load.
const UNDER_LOAD: &[&str] = &[
    "GET, requests/s",
    "p99 of GET, ms",
    "PATCH, updates/s",
    "p99 of PATCH, ms",
    "start to ready, ms",
    "largest worker, MB",
];
/// The series that are measured with one client.
const ALONE: &[&str] = &[
    "GET, ms",
    "GET of revision 1, ms",
    "a page of 50 revisions, ms",
    "diff from revision 1, ms",
    "PATCH, ms",
];

/// Measures every curve that is wanted.
pub fn run(options: &Options) -> Result<()> {
    let (place, options) = (Place::here()?, options.settled());
    let tools = Tools::find();
    let sweep = Sweep { place: &place, options: &options };
    let full = options.full && !options.quick;
    let personas: &[u64] =
        if full { &[1_000, 10_000, 100_000, 1_000_000] } else { &[1_000, 10_000, 100_000] };
    let personas = if options.quick { &personas[..2] } else { personas };
    let curves: [(&'static str, Measure); 5] = [
        ("personas", &|| {
            sweep.under_load("personas", "personas", personas, |point, personas| Point {
                personas,
                ..point
            })
        }),
        ("workers", &|| {
            sweep.under_load("workers", "workers", &[1, 2, 3, 4], |point, workers| Point {
                workers: small(workers),
                ..point
            })
        }),
        ("connections", &|| {
            let steps = [1, 4, 16, 64, 256, 1024];
            sweep.under_load("connections", "connections", &steps, |point, connections| Point {
                connections: small(connections).into(),
                ..point
            })
        }),
        ("size", &|| {
            let sized = |point, kib: u64| Point {
                bytes: usize::from(small(kib)) * 1024 - 700,
                personas: SIZED_PERSONAS,
                ..point
            };
            sweep.under_load("size", "KiB of a persona", &[1, 4, 16, 64, 256], sized)
        }),
        ("history", &|| {
            sweep.history(if options.quick { &[1, 10, 100] } else { &[1, 10, 100, 1_000, 10_000] })
        }),
    ];
    for (name, measure) in curves.into_iter().filter(|(name, _)| options.wants(name)) {
        if tools.wrk.is_none() && name != "history" {
            println!("left out: the curve over {name} needs wrk");
            continue;
        }
        println!("measuring the curve over {name}");
        keep(&place, &measure()?, options.quick)?;
    }
    Ok(())
}

type Measure<'a> = &'a dyn Fn() -> Result<Curve>;

/// Writes the curve as CSV and as a picture; the files of a quick run stay in the throwaway folder.
fn keep(place: &Place, curve: &Curve, quick: bool) -> Result<()> {
    let mut csv = format!(
        "\"{}\",{}\n",
        curve.axis,
        curve.series.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",")
    );
    for (x, values) in &curve.points {
        let values: Vec<String> = values.iter().map(|value| format!("{value:.3}")).collect();
        writeln!(csv, "{x},{}", values.join(",")).expect("a string takes everything");
    }
    print!("{csv}");
    let folder = |published: &str| if quick { place.kept("curves") } else { place.path(published) };
    let (tables, pictures) = (folder("benches/results/curves"), folder("docs/img"));
    for (folder, file, text) in [
        (&tables, format!("{}.csv", curve.name), csv),
        (&pictures, format!("curve-{}.svg", curve.name), curve_chart::svg(curve)),
    ] {
        fs::create_dir_all(folder)?;
        fs::write(folder.join(&file), text)?;
        println!("written: {}", folder.join(file).display());
    }
    Ok(())
}

/// The conditions under which one point is measured.
#[derive(Clone, Copy)]
struct Point {
    personas: u64,
    bytes: usize,
    workers: u16,
    connections: u32,
}

struct Sweep<'a> {
    place: &'a Place,
    options: &'a Options,
}

impl Sweep<'_> {
    fn under_load(
        &self,
        name: &'static str,
        axis: &'static str,
        steps: &[u64],
        vary: impl Fn(Point, u64) -> Point,
    ) -> Result<Curve> {
        let usual = Point {
            personas: PERSONAS.min(self.options.personas),
            bytes: personas::USUAL_BYTES,
            workers: self.options.workers(),
            connections: self.options.connections,
        };
        let points = steps
            .iter()
            .map(|step| Ok((f64::from(u32::try_from(*step)?), self.point(vary(usual, *step))?)));
        Ok(Curve { name, axis, series: UNDER_LOAD, points: points.collect::<Result<_>>()? })
    }

    fn point(&self, point: Point) -> Result<Vec<f64>> {
        let database = personas::copied(
            self.place,
            &personas::filled(self.place, point.personas, point.bytes)?,
            "curve",
        )?;
        let ours = Ours::start(&database, point.workers, "normal")?;
        let aim = Aim::api(ours.server.url(), point.personas);
        let run = |load| wrk::run(self.place, &aim, load, point.connections, self.options.seconds);
        let (get, patch) = (run(Load::Get)?, run(Load::Patch)?);
        if get.errors + patch.errors > 0.0 {
            let Point { personas, bytes, workers, connections } = point;
            let point = format!(
                "{personas} personas of {bytes} bytes, {workers} workers, {connections} connections"
            );
            return Err(format!(
                "{point}: {} reads and {} changes failed",
                get.errors, patch.errors
            )
            .into());
        }
        let memory =
            ours.worker_pids()?.into_iter().filter_map(machine::resident_mb).fold(0.0, f64::max);
        Ok(vec![
            get.rate,
            get.p99,
            patch.rate,
            patch.p99,
            ours.server.took.as_secs_f64() * 1000.0,
            memory,
        ])
    }

    /// Measures a persona that is changed again and again.
    fn history(&self, steps: &[u64]) -> Result<Curve> {
        let database = personas::copied(
            self.place,
            &personas::filled(self.place, 1, personas::USUAL_BYTES)?,
            "curve",
        )?;
        let ours = Ours::start(Path::new(&database), self.options.workers(), "normal")?;
        let mut client = Client::connect(ours.server.address)?;
        let path = format!("{}{}", personas::PATH, personas::id(0));
        let (mut revision, mut points) = (1, Vec::new());
        for step in steps {
            while revision < *step {
                patch(&mut client, &path, revision)?;
                revision += 1;
            }
            let get = median_ms(|_| client.get(&path).map(drop))?;
            let first = median_ms(|_| client.get(&format!("{path}?revision=1")).map(drop))?;
            let page = median_ms(|_| client.get(&format!("{path}/revisions?limit=50")).map(drop))?;
            let diff = median_ms(|_| client.get(&format!("{path}/diff?from=1")).map(drop))?;
            let change = median_ms(|_| {
                revision += 1;
                patch(&mut client, &path, revision)
            })?;
            points.push((f64::from(u32::try_from(*step)?), vec![get, first, page, diff, change]));
        }
        Ok(Curve { name: "history", axis: "revisions of one persona", series: ALONE, points })
    }
}

fn patch(client: &mut Client, path: &str, number: u64) -> Result<()> {
    client
        .send("PATCH", path, "", &format!("{{\"nickname\":\"change {number}\"}}"))?
        .success()
        .map(drop)
}

/// The median of some requests, in milliseconds.
fn median_ms(mut request: impl FnMut(usize) -> Result<()>) -> Result<f64> {
    let mut took = Vec::new();
    for number in 0..HISTORY_SAMPLES {
        let began = Instant::now();
        request(number)?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Spread::of(took).median())
}

fn small(step: u64) -> u16 {
    u16::try_from(step).unwrap_or(u16::MAX)
}
