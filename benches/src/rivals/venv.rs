//! Programs from Python's package index, installed into the throwaway folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::child::output;
use crate::place::Place;

/// Installs what `benches/<rival>/requirements.txt` pins, once, and returns the path of one of its
/// programs.
pub fn install(place: &Place, python: &Path, rival: &str, program: &str) -> Result<PathBuf> {
    let venv = place.kept(&format!("venv-{rival}"));
    let requirements = place.path(&format!("benches/{rival}/requirements.txt"));
    let program = venv.join("bin").join(program);
    // The requirements are copied only after everything was installed, so that a broken
    // installation is not taken for a complete one.
    let installed = venv.join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)?;
    if program.exists() && std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(program);
    }
    println!("installing {rival} into {}", venv.display());
    output(Command::new(python).args(["-m", "venv"]).arg(&venv))?;
    output(
        Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "--requirement"])
            .arg(&requirements),
    )?;
    std::fs::write(&installed, wanted)?;
    Ok(program)
}
