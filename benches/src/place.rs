//! The folders of a run: the throwaway folder, the programs, the results.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// The paths of a run.
#[derive(Clone, Debug)]
pub struct Place {
    root: PathBuf,
}

impl Place {
    /// The folders for the present directory, which has to be the root of the repository, as
    /// `./bench` sees to.
    pub fn here() -> Result<Self> {
        let root = std::path::absolute(".")?;
        if !root.join("benches/load.lua").exists() {
            return Err("start it with ./bench, in the root of the repository".into());
        }
        fs::create_dir_all(root.join(".bench/data"))?;
        // A full run writes its results there at its end. A fresh clone may lack the folders, and
        // after an hour it is too late to find that out.
        fs::create_dir_all(root.join("benches/results"))?;
        fs::create_dir_all(root.join("docs/img"))?;
        Ok(Self { root })
    }

    /// A path from the root of the repository.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The path of what outlives a run: filled databases, the rivals.
    pub fn kept(&self, name: &str) -> PathBuf {
        self.root.join(".bench").join(name)
    }

    /// An empty folder for one run; the content from an earlier run is removed.
    pub fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.kept("run").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The program under test, as `cargo build --release` makes it.
    pub fn persona() -> PathBuf {
        Self::beside("persona")
    }

    /// The folder to which criterion writes its results: beside the folder of this program.
    pub fn criterion() -> PathBuf {
        Self::beside("../criterion")
    }

    fn beside(name: &str) -> PathBuf {
        let own = std::env::current_exe().unwrap_or_default();
        own.parent().unwrap_or(Path::new("target/release")).join(name)
    }
}
