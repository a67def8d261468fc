//! PostgreSQL servers for tests, each in a temporary folder that is removed when the process of the
//! test ends.
//!
//! Debian's binaries, run as the user `postgres` where the tests run as root, because PostgreSQL
//! refuses to run as root. The server is a child of a shell. When the standard input of the shell
//! closes, which happens however a test ends, the shell ends the server and removes the folder. The
//! server that all tests share lives longer (`shared.rs`).

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::port::Port;
use crate::shared;

/// Longest wait for a server to start: after a kill it replays its WAL.
const START_MAX: Duration = Duration::from_mins(1);
/// Settings of every server: no syncs, because tests have nothing to lose when the machine crashes,
/// and little memory, because many servers run at once.
pub(crate) const OPTIONS: [&str; 5] = [
    "fsync=off",
    "max_connections=300",
    "shared_buffers=64MB",
    "max_wal_size=256MB",
    "lc_messages=C",
];
/// Every user may connect without a password, except the user `ada`.
const HBA: &str = "\
local all all trust
host all ada 127.0.0.1/32 scram-sha-256
hostssl all tls 127.0.0.1/32 trust
hostnossl all tls 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
";
/// Runs the server given as arguments until standard input closes; then removes the folder, unless
/// it is to be kept.
const WATCHDOG: &str = r#"folder=$1; shift; "$@" & cat > /dev/null; kill -QUIT $!; wait; [ -e "$folder/keep" ] || rm -rf "$folder""#;

/// A PostgreSQL server with its folder.
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    /// `None` for the shared server, which another process may have started.
    own: Option<Own>,
}

/// What belongs to a server that ends with this process.
struct Own {
    /// Keeps the port for this server while it is stopped.
    _port: Port,
    options: Vec<String>,
    running: Mutex<Option<Running>>,
}

struct Running {
    watchdog: Child,
    /// The standard input of the watchdog; closing it ends the server.
    input: ChildStdin,
}

impl Cluster {
    /// The server that all tests of a run share, each with a database of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| match shared::runner() {
            Some(runner) => shared::of(&runner),
            None => Self::start(&[]),
        })
    }

    /// The server that all test programs with this folder share. It runs for as long as this
    /// process.
    pub fn shared_in(folder: &Path) -> Self {
        shared::in_folder(folder, std::process::id())
    }

    /// The shared server, which this process neither stops nor removes.
    pub(crate) fn of_other(folder: PathBuf, port: u16) -> Self {
        Self { folder, port, own: None }
    }

    /// Starts a server for this test alone, with further options.
    pub fn start(options: &[&str]) -> Self {
        Self::new(options).with_data()
    }

    /// Starts a server for this test alone that speaks TLS as `localhost`. The certificate of its
    /// authority is `ca.crt` in its folder.
    pub fn with_tls() -> Self {
        let cluster =
            Self::new(&["ssl=on", "ssl_cert_file=../server.crt", "ssl_key_file=../server.key"]);
        let key = |name: &str| {
            format!(
                "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -days 30"
            )
        };
        let ca = format!("req -x509 {} -out ca.crt -subj /CN=authority", key("ca"));
        let server = format!(
            "req -x509 {} -out server.crt -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE \
             -CA ca.crt -CAkey ca.key",
            key("server")
        );
        for arguments in [ca, server] {
            run(cluster.program(Path::new("openssl")).args(arguments.split_whitespace()));
        }
        cluster.with_data()
    }

    fn with_data(self) -> Self {
        self.make_data();
        self.start_again();
        self
    }

    /// Makes the data folder with `initdb`, before the first start.
    pub(crate) fn make_data(&self) {
        // The locale orders letters differently from their bytes, so that tests find a comparison
        // that should be bytewise and is not.
        let locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"];
        let data = self.data();
        run(self
            .command("initdb")
            .args(["--no-sync", "-U", "postgres", "-A", "trust", "-E", "UTF8"])
            .args(locale)
            .arg("-D")
            .arg(&data));
        fs::write(data.join("pg_hba.conf"), HBA).expect("the folder is writable");
    }

    /// A standby of another server.
    pub fn standby_of(primary: &Self) -> Self {
        let cluster = Self::new(&[]);
        let mut copy = cluster.command("pg_basebackup");
        run(copy
            .args([
                "-h",
                "127.0.0.1",
                "-U",
                "postgres",
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
                "-p",
                &primary.port().to_string(),
            ])
            .arg("-D")
            .arg(cluster.data()));
        cluster.start_again();
        cluster
    }

    fn new(options: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("persona-postgres-")
            .tempdir()
            .expect("a folder")
            .keep();
        give_to_server(&folder);
        let options = OPTIONS.iter().chain(options).map(ToString::to_string).collect();
        let port = Port::reserve();
        let number = port.number();
        let own = Own { _port: port, options, running: Mutex::default() };
        Self { folder, port: number, own: Some(own) }
    }

    fn own(&self) -> &Own {
        self.own.as_ref().expect("no test stops or starts the shared server")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder of the server, in which tests put files that the server reads.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command that runs a program of PostgreSQL as the user of the server.
    pub fn command(&self, program: &str) -> Command {
        self.program(&binaries().join(program))
    }

    /// A command that runs any program as the user of the server in the folder of the server.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = unprivileged() {
            command.uid(user).gid(group);
        }
        command.current_dir(&self.folder);
        command
    }

    /// Starts the server, also after [`Self::stop`], and waits until it takes connections.
    pub fn start_again(&self) {
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&self.folder)
            .arg(binaries().join("postgres"))
            .arg("-D")
            .arg(self.data())
            .args(arguments(&self.folder, self.port, &self.own().options));
        if let Some((user, group)) = unprivileged() {
            command.uid(user).gid(group);
        }
        // The watchdog gets its own process group, so that Ctrl-C does not end it before the server
        // has ended.
        command
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut watchdog = command.spawn().expect("a shell");
        let input = watchdog.stdin.take().expect("piped");
        let log = BufReader::new(watchdog.stderr.take().expect("piped"));
        let (said, says) = channel();
        // Reads until the server ends: a full pipe would stop the server.
        std::thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| drop(said.send(line)));
        });
        let mut lines = Vec::new();
        loop {
            match says.recv_timeout(START_MAX) {
                Ok(line) if line.contains("ready to accept") => break,
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("PostgreSQL did not start in time:\n{}", lines.join("\n"))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("PostgreSQL did not start:\n{}", lines.join("\n"))
                }
            }
        }
        let _ = fs::remove_file(self.folder.join("keep"));
        *self.own().running.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Running { watchdog, input });
    }

    /// Ends the server at once, as a crash would, and keeps its folder.
    pub fn stop(&self) {
        fs::write(self.folder.join("keep"), "").expect("the folder is writable");
        self.end();
    }

    /// Kills the server and all its processes with a signal that no process can handle, and keeps
    /// its folder.
    pub fn kill(&self) {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).expect("it runs");
        let postmaster =
            text.lines().next().and_then(|line| line.parse().ok()).expect("a process number");
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))
            .unwrap_or_default();
        let children = children.split_whitespace().filter_map(|number| number.parse().ok());
        for process in std::iter::once(postmaster).chain(children) {
            let process = rustix::process::Pid::from_raw(process).expect("not zero");
            // The child process can have ended already.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
        self.stop();
    }

    fn end(&self) {
        if let Some(Running { mut watchdog, input }) =
            self.own().running.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            drop(input);
            watchdog.wait().expect("it ends");
        }
    }

    /// Makes an empty database and returns its name, which no other process of the run uses.
    pub fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("personas_{:016x}_{number}", random());
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Makes a role with these options, unless it exists because another test made it.
    pub fn role(&self, name: &str, options: &str) {
        let make = format!(
            "DO $$ BEGIN CREATE ROLE {name} {options}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        self.sql("postgres", &make);
    }

    /// The URL of a database over the loopback interface.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// The URL of a database over the socket in the folder.
    pub fn socket_url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@{}:{}/{database}",
            self.folder.display().to_string().replace('/', "%2F"),
            self.port()
        )
    }

    /// The port that the server listens on.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.own.is_some() {
            self.end();
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The arguments of `postgres` behind those that name its data.
pub(crate) fn arguments(folder: &Path, port: u16, options: &[String]) -> Vec<String> {
    let mut arguments = vec!["-k".to_owned(), folder.display().to_string()];
    arguments.extend(["-p".to_owned(), port.to_string()]);
    for option in
        std::iter::once("listen_addresses=127.0.0.1").chain(options.iter().map(|option| &**option))
    {
        arguments.extend(["-c".to_owned(), option.to_owned()]);
    }
    arguments
}

/// Makes the user that the server runs as the owner of a folder.
pub(crate) fn give_to_server(folder: &Path) {
    if let Some((user, group)) = unprivileged() {
        std::os::unix::fs::chown(folder, Some(user), Some(group)).expect("root may give it away");
    }
}

/// A random number, which no other process draws too.
fn random() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)
}

/// Runs a program to its end and returns what it prints.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// User and group of PostgreSQL, where the tests run as root.
pub(crate) fn unprivileged() -> Option<(u32, u32)> {
    static FOUND: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let number = |arguments: &[&str]| {
            run(Command::new("id").args(arguments)).trim().parse::<u32>().expect("a number")
        };
        (number(&["-u"]) == 0).then(|| (number(&["-u", "postgres"]), number(&["-g", "postgres"])))
    })
}

/// The folder of the programs of the newest PostgreSQL version that Debian's packages installed.
pub(crate) fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.expect(
        "PostgreSQL is not installed: `./test` installs it, or `apt-get install postgresql`",
    );
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}
