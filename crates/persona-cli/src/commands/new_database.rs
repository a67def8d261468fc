//! A database file that does not exist yet: made only by a command that was told so, because a
//! mistaken folder or name would otherwise become a second, nearly empty store without a word.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use persona_storage::sqlite::is_there;

use super::arguments::Target;
use super::failure::Failure;
use super::output::Output;
use super::question::{can_be_asked, confirmed};
use persona_server::config::{Config, Environment, Flags, load};
use persona_server::exit_code::ExitCode;

/// How long a server at the usual address may take for its whole answer: it is on this machine, and
/// only a hint depends on it.
const ANSWER_WAIT_MAX: Duration = Duration::from_millis(500);
/// More than a server's status has.
const STATUS_BYTES_MAX: usize = 256 * 1024;

/// Lets a command go on that is about to make a new database file: where it was told to, or where
/// the user says so.
///
/// # Errors
///
/// The command was not told to make one, and no user could be asked, or the user refused.
pub async fn allow(
    target: &Target,
    may_make: bool,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    if may_make || target.server.is_some() {
        return Ok(());
    }
    let values = target.database.iter().map(|text| ("database", text.clone())).collect();
    // Its warnings are told when the database is opened.
    let config = load(&Flags { config: target.config.clone(), values }, environment)?.config;
    let is_remote = target.database.is_none() && config.server.is_some();
    let Some(file) = config.database.file().filter(|file| !is_remote && !is_there(file)) else {
        return Ok(());
    };
    let shown = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let missing = format!("there is no database {}", shown.display());
    let server = server_hint(&config);
    if can_be_asked() && !output.is_json() {
        let hint = server.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
        if confirmed(format!("{missing}\n{hint}Make a new one there?"), false).await? {
            return Ok(());
        }
        return Err(Failure::new(ExitCode::NotFound, "nothing was made"));
    }
    let failure = Failure::new(ExitCode::NotFound, missing)
        .hint("add --create to make a new one there, or name another with --database");
    Err(server.into_iter().fold(failure, Failure::hint))
}

/// What to say of a server that runs where the settings would have one.
pub fn server_hint(config: &Config) -> Option<String> {
    let host = if config.host.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { config.host };
    let url = running_at(SocketAddr::new(host, config.port))?;
    Some(format!(
        "a server runs at {url}: talk to it with --server {url}, or set PERSONA_SERVER={url}"
    ))
}

/// The URL of a server of this program at an address; `None` where there is none.
pub fn running_at(address: SocketAddr) -> Option<String> {
    let end = Instant::now() + ANSWER_WAIT_MAX;
    // A wait of zero is refused, so nothing goes on beyond the end.
    let left = || Some(end.saturating_duration_since(Instant::now()));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WAIT_MAX).ok()?;
    stream.set_write_timeout(left()).ok()?;
    write!(stream, "GET /api/v1/status HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
        .ok()?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while answer.len() < STATUS_BYTES_MAX {
        stream.set_read_timeout(left()).ok()?;
        match stream.read(&mut part).ok()? {
            0 => break,
            read => answer.extend_from_slice(&part[..read]),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    (answer.contains("\"schema_version\"") && answer.contains("\"durability\""))
        .then(|| format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use super::running_at;

    #[test]
    fn a_server_that_answers_without_an_end_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        // Every byte comes in time for a wait that starts over with each of them; the whole answer
        // would take hours.
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        assert_eq!(running_at(address), None);
        server.join().expect("the client has gone");
    }
}
