//! Puts the files of the web studio (`studio/` at the root of the workspace) into the program: its
//! modules as one (`join.rs`), without comments and blanks (`shorten.rs`), with short names
//! (`names.rs`), everything else as it is, and each file compressed once, so that serving one costs
//! no work.

mod join;
mod names;
mod shorten;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use zopfli::{Format, Options};

/// The folders that are served. Everything else in `studio/` is for its development.
const FOLDERS: [&str; 3] = ["app", "css", "vendor"];
/// The module that starts the studio. All of them together have its name.
const START: &str = "shell.js";

fn main() -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script by its environment")]
    let variable = |name: &str| env::var(name).map_err(io::Error::other);
    let studio = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../../studio").canonicalize()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    let mut table = String::from("&[\n");
    let mut modules = BTreeMap::new();
    let mut files = BTreeMap::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={}", studio.join(folder).display());
        for entry in fs::read_dir(studio.join(folder))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let has_ending = |ending: &&str| name.ends_with(ending);
            if ![".js", ".css", ".json", ".svg"].iter().any(has_ending) {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            // What is made elsewhere stays as it is.
            let is_script = path.extension().is_some_and(|ending| ending == "js");
            if folder == "app" && is_script {
                modules.insert(name, text);
            } else {
                files.insert((folder, name), text);
            }
        }
    }
    let (joined, names) = join::join(&modules, START).map_err(io::Error::other)?;
    let short = names::rename(&shorten::shorten(&joined), &names).map_err(io::Error::other)?;
    files.insert(("app", START.to_owned()), short);
    for ((folder, name), text) in files {
        let plain = out.join(format!("{folder}-{name}"));
        let gzip = out.join(format!("{folder}-{name}.gz"));
        fs::write(&plain, &text)?;
        compress(&text, &gzip)?;
        // As texts of Rust, whatever signs the paths have.
        let [plain, gzip] = [&plain, &gzip].map(|path| path.display().to_string());
        let _ = writeln!(
            table,
            "    File {{ path: \"{folder}/{name}\", plain: include_bytes!({plain:?}), \
             gzip: include_bytes!({gzip:?}) }},"
        );
    }
    table.push_str("]\n");
    println!("cargo::rerun-if-changed={}", studio.join("index.html").display());
    println!("cargo::rustc-env=STUDIO_INDEX={}", studio.join("index.html").display());
    fs::write(out.join("studio_files.rs"), table)
}

/// Compresses as well as gzip can, which takes a second or two for all files.
fn compress(text: &str, to: &Path) -> io::Result<()> {
    let compressed = fs::File::create(to)?;
    zopfli::compress(Options::default(), Format::Gzip, text.as_bytes(), compressed)
}
