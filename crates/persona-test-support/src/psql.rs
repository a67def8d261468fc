//! Runs SQL with `psql`, independently of the product.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Cluster;
use crate::cluster::run;

impl Cluster {
    /// Runs SQL in a database and returns the rows as plain text.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = self.psql(database);
        run(psql.args(["-v", "ON_ERROR_STOP=1", "-c", sql])).trim().to_owned()
    }

    /// Opens a session in a database, which stays open between statements.
    pub fn session(&self, database: &str) -> Session {
        let mut psql = self.psql(database);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut psql = psql.spawn().expect("psql");
        let output = BufReader::new(psql.stdout.take().expect("piped"));
        Session { input: psql.stdin.take().expect("piped"), output, psql }
    }

    /// The command for `psql` on a database, which prints results only.
    fn psql(&self, database: &str) -> Command {
        let mut psql = self.command("psql");
        psql.args(["-X", "-q", "-A", "-t", "-U", "postgres", "-p", &self.port().to_string()]);
        psql.arg("-h").arg(self.folder()).args(["-d", database]);
        psql
    }
}

/// A session of `psql`.
pub struct Session {
    psql: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Runs statements, and waits until they are done.
    pub fn run(&mut self, sql: &str) {
        writeln!(self.input, "{sql};\n\\echo done").expect("it reads");
        let mut line = String::new();
        while line.trim() != "done" {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).expect("it writes"), 0, "psql ended");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}
