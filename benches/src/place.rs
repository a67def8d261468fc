//! Where everything lies: the throwaway folder, the programs, the results.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// The folders of a run.
#[derive(Clone, Debug)]
pub struct Place {
    root: PathBuf,
}

impl Place {
    /// Expects to be started in the root of the repository, as `./bench` does.
    pub fn here() -> Result<Self> {
        let root = std::path::absolute(".")?;
        if !root.join("benches/load.lua").exists() {
            return Err("start it with ./bench, in the root of the repository".into());
        }
        fs::create_dir_all(root.join(".bench/data"))?;
        // Where a full run keeps what it found; a fresh clone may lack them, and after an hour it
        // is too late to say so.
        fs::create_dir_all(root.join("benches/results"))?;
        fs::create_dir_all(root.join("docs/img"))?;
        Ok(Self { root })
    }

    /// A path from the root of the repository.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// What outlives a run: filled databases, the rivals.
    pub fn kept(&self, name: &str) -> PathBuf {
        self.root.join(".bench").join(name)
    }

    /// An empty folder for one run; what an earlier run left there is removed.
    pub fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.kept("run").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The product, as `cargo build --release` leaves it.
    pub fn persona() -> PathBuf {
        Self::beside("persona")
    }

    /// Where criterion leaves what it measured: beside the folder of this program.
    pub fn criterion() -> PathBuf {
        Self::beside("../criterion")
    }

    fn beside(name: &str) -> PathBuf {
        let own = std::env::current_exe().unwrap_or_default();
        own.parent().unwrap_or(Path::new("target/release")).join(name)
    }
}
