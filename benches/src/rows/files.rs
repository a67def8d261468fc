//! Import and export through a running server.

use std::io::{BufWriter, Write};
use std::time::Instant;

use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::{Result, personas};

pub fn measure(session: &Session) -> Result<Vec<Row>> {
    let count = session.options.personas;
    let folder = session.place.fresh("files")?;
    let input = folder.join("personas.ndjson");
    let mut file = BufWriter::new(std::fs::File::create(&input)?);
    (0..count).try_for_each(|number| {
        writeln!(file, "{}", personas::document(number, personas::USUAL_BYTES))
    })?;
    file.flush()?;
    let personas_each = f64::from(u32::try_from(count)?);
    let (mut imports, mut exports, mut megabytes) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..session.options.pairs {
        let database = folder.join(format!("{pair}.db"));
        let ours = Ours::start(&database, session.options.workers(), "normal")?;
        let began = Instant::now();
        ours.command(&["import", "--create", "--quiet", &input.display().to_string()])?;
        imports.push(personas_each / began.elapsed().as_secs_f64());
        let began = Instant::now();
        let bytes = ours.drained(&["export"])?;
        let seconds = began.elapsed().as_secs_f64();
        exports.push(personas_each / seconds);
        megabytes.push(f64::from(u32::try_from(bytes / 1000)?) / 1000.0 / seconds);
        drop(ours);
        std::fs::remove_file(&database)?;
    }
    Ok(vec![
        Row::alone(
            "import through a server",
            "personas/s",
            Target::AtLeast(8_000.0),
            Spread::of(imports),
        ),
        Row::alone("export through a server", "personas/s", Target::None, Spread::of(exports)),
        Row::alone("export through a server", "MB/s", Target::None, Spread::of(megabytes)),
    ])
}
