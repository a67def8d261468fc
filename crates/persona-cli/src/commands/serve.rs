//! `persona serve`: binds the address, runs the supervisor, and tells the user when and where it is
//! ready.

use std::io::{self, ErrorKind, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use persona_http::contract::OperationId;
use persona_model::Clock;
use persona_server::backend::{Engine, Prepared};
use persona_server::clock::SystemClock;
use persona_server::config::{Config, Database, Environment, FIRST_TOKEN, TlsFiles};
use persona_server::exit_code::ExitCode;
use persona_server::listen::{Address, Doors, Inherited, NoDoor, NoUnixSocket};
use persona_server::log::{Log, Stream, Writer, say};
use persona_server::scoreboard::NotMade;
use persona_server::supervisor::{self, Started};
use persona_server::tls::Certificates;
use persona_server::units::size;
use persona_storage::sqlite::{is_there, refuse_output};

use crate::client::server_at;
use crate::failure::Failure;
use crate::terminal::Output;

/// The address on which a server listens by default.
const USUAL_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// Runs the server until it is told to stop.
pub fn run(config: Config, environment: &Environment, output: &Output) -> ExitCode {
    match serve(config, environment) {
        Ok(code) => code,
        Err(failure) => {
            // `Output::fail` is not used, because a full pipe without a reader would block the end
            // of the program.
            say(Stream::Error, format!("{}\n", output.failure_text(&failure)));
            failure.code
        }
    }
}

fn serve(mut config: Config, environment: &Environment) -> Result<ExitCode, Failure> {
    if let Some(log_file) = &config.log_file
        && let Err(error) = refuse_output(config.database.file(), log_file)
    {
        let message = format!("could not open the log: {error}");
        let failure = Failure::new(ExitCode::of_start(&error), message);
        return Err(error.hint().into_iter().fold(failure, Failure::hint));
    }
    // A start that is refused for its certificate or its sockets leaves no file for the log.
    let certificates = certificates(&config)?;
    let doors = doors(&config, environment, certificates)?;
    let log = Log::open(&config, Writer { role: "supervisor", slot: 0 }).map_err(|error| {
        Failure::new(ExitCode::Config, format!("could not open the log: {error}"))
    })?;
    if let Some(address) = doors.exposed() {
        config.is_exposed_at(address);
    }
    note_other_server(&config);
    let (facts, urls) =
        (config.clone(), doors.addresses.iter().map(Address::url).collect::<Vec<_>>());
    let announce = |started: &Started| announce(&facts, &urls, started);
    let ended = supervisor::run(config, doors, log.clone(), &announce);
    log.finish();
    match ended {
        Ok(ExitCode::Failure) => {
            let message = "the server had to stop; the log says why";
            Err(Failure::new(ExitCode::Failure, message))
        }
        Ok(code) => Ok(code),
        Err(error) => {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<NotMade>());
            let message = format!("could not run the server: {error}");
            let failure = Failure::new(ExitCode::Failure, message);
            Err(cause.map(NotMade::cure).into_iter().fold(failure, Failure::hint))
        }
    }
}

/// The certificate of the settings, if they name one that can be used.
fn certificates(config: &Config) -> Result<Option<Certificates>, Failure> {
    let Some(TlsFiles { cert, key }) = &config.tls else { return Ok(None) };
    Certificates::open(cert, key, SystemClock.now())
        .map(Some)
        .map_err(|problem| Failure::new(ExitCode::Config, problem.to_string()).hint(problem.hint()))
}

/// Opens the sockets for clients.
fn doors(
    config: &Config,
    environment: &Environment,
    certificates: Option<Certificates>,
) -> Result<Doors, Failure> {
    let inherited = Inherited::of(config.fd, environment).map_err(|message| {
        Failure::new(ExitCode::Config, message).hint("systemd sets it; unset it for other starts")
    })?;
    Doors::open(config, &inherited, certificates).map_err(|error| refused(config, &error))
}

/// Notes that another server runs, if this one would create a new database.
fn note_other_server(config: &Config) {
    let is_new = config.database.file().is_some_and(|file| !is_there(file));
    let Some(url) = is_new.then(|| server_at(USUAL_ADDRESS)).flatten() else { return };
    let database = &config.database;
    say(
        Stream::Error,
        format!("note: {database} will be a new database; another server runs at {url}\n"),
    );
}

/// The failure for a socket that cannot be made or used.
fn refused(config: &Config, error: &NoDoor) -> Failure {
    let failure = |code| Failure::new(code, error.to_string());
    match error {
        NoDoor::Tcp { source, .. } => address_refused(config, source),
        NoDoor::Unix(NoUnixSocket::InUse(_)) => failure(ExitCode::Unavailable)
            .hint("end the other program, or choose another path with --uds"),
        NoDoor::Unix(NoUnixSocket::System { .. }) => failure(ExitCode::Unavailable).hint(
            "choose a path in a folder that exists and that this user may write to, with \
             --uds",
        ),
        NoDoor::Unix(NoUnixSocket::NoGroup(_)) => failure(ExitCode::Config)
            .hint("name a group of this machine with --uds-group: getent group"),
        NoDoor::Unix(NoUnixSocket::NotOfGroup { .. }) => failure(ExitCode::Config)
            .hint("name a group that this user belongs to with --uds-group, or make it a member"),
        NoDoor::Unix(_) => failure(ExitCode::Config).hint("choose another path with --uds"),
        NoDoor::NotInherited { .. } => failure(ExitCode::Config).hint(
            "hand over a socket of TCP or a unix socket that listens already, and name its \
             descriptor with --fd",
        ),
    }
}

fn address_refused(config: &Config, error: &io::Error) -> Failure {
    let address = SocketAddr::new(config.host, config.port);
    let failure = |message: String| Failure::new(ExitCode::Unavailable, message);
    match error.kind() {
        ErrorKind::AddrInUse => {
            let hint = "end the other program, or let the system choose a free port with --port 0";
            let hint = server_at(address).map_or_else(
                || hint.into(),
                |url| format!("a server of this program runs at {url}; {hint}"),
            );
            failure(format!("the address {address} is in use by another program")).hint(hint)
        }
        ErrorKind::PermissionDenied => failure(format!("this user may not listen on {address}"))
            .hint(
                "ports below 1024 need more rights: choose another one with --port, let systemd listen and hand the socket over, \
                 or give the program the right: setcap cap_net_bind_service=+ep PATH_OF_PERSONA",
            ),
        _ => failure(format!("could not listen on {address}: {error}")),
    }
}

/// Tells that everything is ready: people with a few aligned lines, the log with one event, and
/// scripts with one line on standard output that names the URL.
fn announce(config: &Config, urls: &[String], started: &Started) {
    let url = urls.first().map_or("", String::as_str);
    if io::stderr().is_terminal() {
        say(
            Stream::Error,
            banner(
                &config.database,
                config.workers,
                url,
                &access(&config.database, config.exposed.is_some(), &started.prepared),
                started,
            ),
        );
    } else {
        let journal_mode = match &started.prepared.engine {
            Engine::Sqlite { journal_mode, .. } => Some(journal_mode),
            Engine::Postgres => None,
        };
        tracing::info!(
            url = urls.join(", "),
            version = env!("CARGO_PKG_VERSION"),
            database = %config.database,
            database_bytes = started.prepared.database_bytes,
            personas = started.prepared.personas,
            sqlite_version = journal_mode.map(|_| &started.prepared.engine_version),
            journal_mode,
            postgresql_version = journal_mode.is_none().then_some(&started.prepared.engine_version),
            durability = started.prepared.durability,
            workers = config.workers,
            tokens = started.prepared.tokens,
            worker_pids = pids(started),
            took_ms = u64::try_from(started.took.as_millis()).unwrap_or(u64::MAX),
            "ready"
        );
    }
    if !(io::stderr().is_terminal() && io::stdout().is_terminal()) {
        let lines = urls.iter().map(|url| format!("listening on {url}\n"));
        say(Stream::Output, lines.collect::<Vec<_>>().concat());
    }
}

/// The lines for people.
fn banner(database: &Database, workers: u16, url: &str, access: &str, started: &Started) -> String {
    let prepared = &started.prepared;
    let state = if prepared.created { "new".into() } else { size(prepared.database_bytes) };
    let content = match prepared.personas {
        None => state,
        Some(1) => format!("{state}, 1 persona"),
        Some(personas) => format!("{state}, {personas} personas"),
    };
    let (engine, engine_facts) = match &prepared.engine {
        Engine::Sqlite { journal_mode, .. } => {
            ("SQLite", format!("{}, journal mode {journal_mode}", prepared.engine_version))
        }
        Engine::Postgres => ("PostgreSQL", prepared.engine_version.clone()),
    };
    let sign_in = (prepared.tokens_kept > 0).then(|| sign_in(database, url));
    let lines = [
        ("Studio", Some(format!("{url}/"))),
        ("Sign in", sign_in),
        ("API", Some(format!("{url}/api/v1"))),
        ("Docs", Some(format!("{url}{}", OperationId::GetDocs.path()))),
        ("Data", Some(format!("{database} ({content})"))),
        (engine, Some(engine_facts)),
        ("Durability", Some(format!("{}: {}", prepared.durability, prepared.durability_meaning))),
        ("Access", Some(access.into())),
        ("Workers", Some(format!("{workers} (pids {})", pids(started)))),
    ];
    let facts: String = lines
        .into_iter()
        .filter_map(|(name, value)| Some(format!("  {name:<11}{}\n", value?)))
        .collect();
    format!(
        "Persona Store {}\n{facts}Ready in {} ms. Ctrl-C stops.\n",
        env!("CARGO_PKG_VERSION"),
        started.took.as_millis()
    )
}

/// How a person gets a link that signs a browser in. The link itself is not made here: the
/// supervisor never opens the database, and a link that is made at each start would be a secret on
/// every terminal, whether it is used or not.
fn sign_in(database: &Database, url: &str) -> String {
    // Browsers do not reach a unix socket themselves.
    let url = if url.starts_with("unix:") { "ADDRESS_FOR_BROWSERS" } else { url };
    database.in_command(&format!("persona token link --url {url}"))
}

/// The line about access: whether requests need a token, and how to make the first one.
fn access(database: &Database, is_exposed: bool, prepared: &Prepared) -> String {
    match prepared.tokens {
        0 if prepared.tokens_kept > 0 => "with a token (none counts any more)".into(),
        0 if !is_exposed => {
            let command = database.in_command(FIRST_TOKEN);
            format!("open on this machine; make a token with: {command}")
        }
        0 => "open to everyone who can reach the port (--allow-open)".into(),
        1 => "with a token (1 counts)".into(),
        count => format!("with a token ({count} count)"),
    }
}

fn pids(started: &Started) -> String {
    started.worker_pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{access, banner};
    use persona_server::backend::{Engine, Prepared};
    use persona_server::config::Database;
    use persona_server::supervisor::Started;

    fn prepared() -> Prepared {
        Prepared {
            engine: Engine::Sqlite { journal_mode: "wal".into(), file_system: "ext4".into() },
            engine_version: "3.54.1".into(),
            durability: "normal".into(),
            durability_meaning: "acknowledged writes survive every process crash; a power cut may take back the last moments".into(),
            created: false,
            database_bytes: 1_600_000,
            personas: Some(1),
            tokens: 0,
            tokens_kept: 0,
        }
    }

    fn started(prepared: Prepared) -> Started {
        Started { prepared, worker_pids: vec![101, 102], took: Duration::from_millis(42) }
    }

    #[test]
    fn the_banner_tells_where_what_and_how_safe() {
        let database = Database::File("persona.db".into());
        let started = started(prepared());
        let expected = "\
Persona Store 0.1.0
  Studio     http://127.0.0.1:8000/
  API        http://127.0.0.1:8000/api/v1
  Docs       http://127.0.0.1:8000/api/v1/docs
  Data       persona.db (1.5 MiB, 1 persona)
  SQLite     3.54.1, journal mode wal
  Durability normal: acknowledged writes survive every process crash; a power cut may take back the last moments
  Access     open on this machine
  Workers    2 (pids 101, 102)
Ready in 42 ms. Ctrl-C stops.
";
        assert_eq!(
            banner(&database, 2, "http://127.0.0.1:8000", "open on this machine", &started),
            expected
        );
    }

    #[test]
    fn a_server_without_a_token_tells_how_to_make_one_in_its_own_database() {
        let open = |database: Database| access(&database, false, &prepared());
        let way = "open on this machine; make a token with: persona token create --name NAME \
                   --scope admin";
        assert_eq!(open(Database::File("other.db".into())), format!("{way} --database other.db"));
        let server = Database::Server("postgres://ada:secret@db/personas".into());
        assert_eq!(open(server), format!("{way}, with the database of this server"));
    }

    #[test]
    fn a_server_with_a_token_tells_how_to_sign_in() {
        let line = |database: &Database, url: &str, tokens_kept: u64| {
            let started = started(Prepared { tokens_kept, ..prepared() });
            let text = banner(database, 2, url, "with a token", &started);
            text.lines().find_map(|line| line.strip_prefix("  Sign in    ").map(ToOwned::to_owned))
        };
        let (here, url) = (Database::File("persona.db".into()), "http://127.0.0.1:8000");
        assert_eq!(line(&here, url, 0), None);
        for (database, url, expected) in [
            (here, url, "persona token link --url http://127.0.0.1:8000 --database persona.db"),
            // What is printed can be pasted.
            (
                Database::File("/srv/my personas/a'b.db".into()),
                url,
                r#"persona token link --url http://127.0.0.1:8000 --database "/srv/my personas/a'b.db""#,
            ),
            (
                Database::File("persona.db".into()),
                "unix:/run/persona.sock",
                "persona token link --url ADDRESS_FOR_BROWSERS --database persona.db",
            ),
            (
                Database::Server("postgres://ada:secret@db/personas".into()),
                url,
                "persona token link --url http://127.0.0.1:8000, with the database of this server",
            ),
        ] {
            assert_eq!(line(&database, url, 1).as_deref(), Some(expected));
        }
    }
}
