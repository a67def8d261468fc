//! A server in a process of its own, on a port that the system chose, with a folder of its own.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::pipes::{self, Gathered, collect, lines_of, read_to_the_end};
use super::processes::{is_alive, stop_and_list_children};
use super::shell::{with_descriptor, with_open_files};
use super::wire::{Way, trust_in};
use super::{Client, DEADLINE, Process, signal, wait_for};
use persona_test_support::{Authority, Cluster};
use rustls::ClientConfig;

/// The age at which a process counts as grown up (`YOUNG` in `supervisor/slot.rs`), and a little
/// more for its start.
const GROWN_UP: Duration = Duration::from_millis(1_200);

/// The settings with which a server is started.
pub struct Builder {
    workers: u16,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    folder: Option<TempDir>,
    has_unread_log: bool,
    open_files: Option<u32>,
    trust: Option<Arc<ClientConfig>>,
    handed_over: Option<(OwnedFd, String)>,
}

/// A running server. Dropping this kills the supervisor, and with it all its processes.
pub struct Server {
    child: Child,
    /// The way to the server: the first address that the server names.
    way: Way,
    stderr: Gathered,
    /// The standard error, until a thread reads it.
    unread: Option<ChildStderr>,
    /// The folder of the server; absent only after it was handed on.
    folder: Option<TempDir>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code of the program; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Everything that it wrote to standard error.
    pub stderr: String,
}

impl Builder {
    /// Adds a flag, such as `--drain-timeout-ms=500`.
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// Sets a variable of the server's environment, which has no others.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Gives the server this certificate and key, so that its connections are encrypted; clients
    /// trust this authority.
    pub fn encrypted(mut self, authority: &Authority, (cert, key): &(PathBuf, PathBuf)) -> Self {
        self.trust = Some(trust_in(&authority.certificate()));
        let (cert, key) = (cert.display(), key.display());
        self.flag(format!("--tls-cert={cert}")).flag(format!("--tls-key={key}"))
    }

    /// Gives the server this socket as descriptor 3, and sets variables in the syntax of a shell,
    /// in which `$$` is the server's process number.
    pub fn handed_over(mut self, socket: impl Into<OwnedFd>, variables: &str) -> Self {
        self.handed_over = Some((socket.into(), variables.into()));
        self
    }

    /// Starts the server on the files of an earlier server.
    pub fn in_folder(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Leaves the standard error unread until [`Server::read_log`].
    pub fn unread_log(mut self) -> Self {
        self.has_unread_log = true;
        self
    }

    /// Lets each process of the server open at most this many files.
    pub fn open_files(mut self, most: u32) -> Self {
        self.open_files = Some(most);
        self
    }

    /// The command that starts the program in this folder.
    fn program(&mut self, folder: &Path) -> Command {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let mut program = command(folder, self.workers, &flags);
        if let Some((socket, variables)) = self.handed_over.take() {
            program = with_descriptor(&program, socket, &variables);
        }
        if let Some(most) = self.open_files {
            program = with_open_files(&program, most);
        }
        program.envs(std::mem::take(&mut self.variables));
        program
    }

    /// Starts a server that is expected to end by itself, and returns its end.
    #[track_caller]
    pub fn refused(mut self) -> Ended {
        let folder = self.folder.take().unwrap_or_else(|| tempfile::tempdir().expect("a folder"));
        end_of(&mut self.program(folder.path()))
    }

    /// Starts the server and waits until it says that it is ready.
    #[track_caller]
    pub fn start(mut self) -> Server {
        let folder = self.folder.take().unwrap_or_else(|| tempfile::tempdir().expect("a folder"));
        let mut child = self.program(folder.path()).spawn().expect("the built program");
        let (mut unread, stderr) = (child.stderr.take(), Arc::default());
        if !self.has_unread_log {
            collect(unread.take().expect("a pipe"), &stderr);
        }
        let lines = lines_of(child.stdout.take().expect("a pipe"));
        let address = lines
            .recv_timeout(DEADLINE)
            .ok()
            .and_then(|line| way_of(line.strip_prefix("listening on ")?, self.trust));
        let Some(way) = address else {
            let _ = child.kill();
            panic!(
                "the server did not get ready; it said:\n{}",
                String::from_utf8_lossy(&stderr.lock().expect("no panic"))
            );
        };
        Server { child, way, stderr, unread, folder: Some(folder) }
    }
}

impl Server {
    /// A server with this many workers, to be changed before it starts.
    pub fn with_workers(workers: u16) -> Builder {
        Builder {
            workers,
            flags: Vec::new(),
            variables: Vec::new(),
            folder: None,
            has_unread_log: false,
            open_files: None,
            trust: None,
            handed_over: None,
        }
    }

    /// The address at which the server listens.
    pub fn address(&self) -> SocketAddr {
        match &self.way {
            Way::Plain(address) | Way::Encrypted(address, _) => *address,
            Way::Unix(path) => panic!("{} is no address of TCP", path.display()),
        }
    }

    /// The way to the server.
    pub fn way(&self) -> Way {
        self.way.clone()
    }

    /// The folder of the server's files, removed when the server is dropped.
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("it is handed on only at the end").path()
    }

    /// The path of the database file.
    pub fn database(&self) -> PathBuf {
        database_in(self.folder())
    }

    /// The database as `--database` takes it.
    pub fn database_argument(&self) -> String {
        if ON_POSTGRES { url_for(self.folder()) } else { self.database().display().to_string() }
    }

    /// A new connection.
    #[track_caller]
    pub fn connect(&self) -> Client {
        self.way.connect().expect("the server accepts connections")
    }

    /// Process number of the supervisor.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The living children with this role.
    pub fn processes(&self, role: &str) -> Vec<Process> {
        Process::children_of(self.pid())
            .into_iter()
            .filter(|process| process.role == role)
            .collect()
    }

    /// A child with this role that is old enough for its death not to count as a failed start:
    /// otherwise the next process would not start at once, and eight failed starts in a row would
    /// end the server.
    #[track_caller]
    pub fn grown_up(&self, role: &str) -> Process {
        let (mut seen, mut since) = (None, Instant::now());
        wait_for("a process that has served for a while", DEADLINE, || {
            let now = self.processes(role).pop();
            if now != seen {
                (seen, since) = (now.clone(), Instant::now());
            }
            now.filter(|_| since.elapsed() > GROWN_UP)
        })
    }

    /// Sends the supervisor a signal.
    pub fn signal(&self, wanted: Signal) {
        assert!(signal(self.pid(), wanted), "the supervisor lives");
    }

    /// Starts to read the standard error.
    pub fn read_log(&mut self) {
        collect(self.unread.take().expect("nothing read it"), &self.stderr);
    }

    /// The lines that the server wrote to standard error until now. A pipe is read in pieces that
    /// end anywhere, so an unfinished last line does not count.
    pub fn log(&self) -> String {
        let gathered = self.stderr.lock().expect("no panic");
        let whole = gathered.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        String::from_utf8_lossy(&gathered[..whole]).into_owned()
    }

    /// Waits until a line of the log contains this.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        wait_for(text, DEADLINE, || self.log().contains(text).then_some(()));
    }

    /// The value of a series of `/metrics`; zero when the series does not exist.
    #[track_caller]
    pub fn metric(&self, series: &str) -> u64 {
        let text = self.connect().get("/metrics").expect("metrics").body;
        let text = String::from_utf8(text).expect("text");
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().expect("a whole number"))
    }

    /// Waits until the server has ended by itself and all of its output has been read.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let status =
            wait_for("the end of the server", DEADLINE, || self.child.try_wait().expect("a child"));
        Ended { code: status.code(), stderr: read_to_the_end(&self.stderr) }
    }

    /// Stops the server as an operator does, and returns the folder with its files.
    #[track_caller]
    pub fn stop_and_keep_the_folder(mut self) -> TempDir {
        self.signal(Signal::TERM);
        let status =
            wait_for("the end of the server", DEADLINE, || self.child.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(0), "{}", self.log());
        self.folder.take().expect("it is handed on once")
    }

    /// Kills the supervisor and waits for the end of its processes. Returns the folder.
    #[track_caller]
    pub fn kill_and_keep_the_folder(mut self) -> TempDir {
        let children = stop_and_list_children(self.pid());
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
        let have_ended = || children.iter().all(|child| !is_alive(*child)).then_some(());
        wait_for("the end of the children", DEADLINE, have_ended);
        self.folder.take().expect("it is handed on once")
    }
}

impl Drop for Server {
    /// Ends the server. A test that failed prints the end of its log, which often says why.
    fn drop(&mut self) {
        if thread::panicking() {
            pipes::print_end("the log of the server", &self.stderr);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a server in this folder that is expected to be refused, and returns its end.
#[track_caller]
pub fn refused(folder: &Path, flags: &[&str]) -> Ended {
    end_of(&mut command(folder, 2, flags))
}

/// Runs a program to its end.
#[track_caller]
fn end_of(program: &mut Command) -> Ended {
    let mut child = program.spawn().expect("the built program");
    let stderr = Arc::default();
    collect(child.stderr.take().expect("a pipe"), &stderr);
    let status = wait_for("the end of the server", DEADLINE, || child.try_wait().expect("a child"));
    Ended { code: status.code(), stderr: read_to_the_end(&stderr) }
}

fn command(folder: &Path, workers: u16, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    command.current_dir(folder).env_clear().arg("serve");
    if !flags.iter().any(|flag| flag.starts_with("--database")) {
        command.arg("--database").arg(if ON_POSTGRES {
            url_for(folder).into()
        } else {
            database_in(folder)
        });
    }
    command.args(["--workers", &workers.to_string()]).args(flags);
    let has_a_socket = ["--port", "--uds", "--fd"];
    if !flags.iter().any(|flag| has_a_socket.iter().any(|own| flag.starts_with(own))) {
        command.arg("--port=0");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits until followers can be told of every change that was answered. Over PostgreSQL that is
/// when every older transaction of its server has ended, also those of tests that run beside this
/// one.
pub fn settle() {
    if !ON_POSTGRES {
        return;
    }
    let cluster = Cluster::shared();
    let newest = cluster.sql("postgres", "SELECT pg_current_xact_id()");
    let have_ended =
        format!("SELECT pg_snapshot_xmin(pg_current_snapshot()) > '{}'::xid8", newest.trim());
    wait_for("the end of older transactions", 3 * DEADLINE, || {
        (cluster.sql("postgres", &have_ended).trim() == "t").then_some(())
    });
}

/// Whether the servers of this test program use PostgreSQL; told by the name of the test program.
pub const ON_POSTGRES: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"postgres");

/// The URL of a database that belongs to this folder, as a database file does.
fn url_for(folder: &Path) -> String {
    static KNOWN: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());
    let cluster = Cluster::shared();
    let mut known = KNOWN.lock().expect("no panic");
    if let Some((_, name)) = known.iter().find(|(path, _)| path == folder) {
        return cluster.url(name);
    }
    let name = cluster.database();
    known.push((folder.into(), name.clone()));
    cluster.url(&name)
}

fn database_in(folder: &Path) -> PathBuf {
    folder.join("persona.db")
}

/// The way to the server that names this URL.
fn way_of(url: &str, trust: Option<Arc<ClientConfig>>) -> Option<Way> {
    if let Some(path) = url.strip_prefix("unix:") {
        return Some(Way::Unix(path.into()));
    }
    let address = url.split_once("://")?.1.parse().ok()?;
    Some(match trust {
        Some(trust) => Way::Encrypted(address, trust),
        None => Way::Plain(address),
    })
}
