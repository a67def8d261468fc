//! Reads over encrypted connections beside plain ones: what encryption costs a kept connection.

use persona_test_support::Authority;

use super::reads::row;
use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::table::Session;
use crate::wrk::{Aim, Load};
use crate::{Result, personas};

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let (options, database) = (&session.options, session.store("tls")?);
    let folder = tempfile::tempdir()?;
    let (cert, key) = Authority::new(folder.path()).issue("server");
    // Two servers on two copies of the store, one after the other, so that neither waits for the
    // write lock of the other; only one is under load at a time.
    let copy = personas::copied(&session.place, &database, "tls-plain")?;
    let plain = Ours::start(&copy, options.workers(), "normal")?;
    let encrypted = Ours::start_with(
        &database,
        options.workers(),
        "normal",
        &["--tls-cert".into(), cert.into(), "--tls-key".into(), key.into()],
    )?;
    let plain_aim = Aim::api(plain.server.url(), options.personas);
    let encrypted_aim = Aim { url: encrypted.server.url(), ..plain_aim.clone() };
    // The first pair warms both up and is thrown away.
    session.load(&encrypted_aim, Load::Get)?;
    session.load(&plain_aim, Load::Get)?;
    let get = session.pairs(
        || session.load(&encrypted_aim, Load::Get),
        || session.load(&plain_aim, Load::Get),
    )?;
    Ok(vec![
        row(
            "GET by id over TLS on kept connections, beside plain ones",
            "requests/s",
            Target::RatioAtLeast(0.8),
            &get,
            |load| load.rate,
        ),
        row("p99 of GET over TLS beside plain", "ms", Target::None, &get, |load| load.p99),
    ])
}
