//! Puts the files of the web studio (`studio/` at the root of the workspace) into the program: each
//! as it is, and compressed once, so that serving one costs no work.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The folders that are served. Everything else in `studio/` is for its development.
const FOLDERS: [&str; 3] = ["app", "css", "vendor"];

fn main() -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script by its environment")]
    let variable = |name: &str| env::var(name).map_err(io::Error::other);
    let studio = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../../studio").canonicalize()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    let mut table = String::from("&[\n");
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={}", studio.join(folder).display());
        let mut paths: Vec<PathBuf> = fs::read_dir(studio.join(folder))?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<_>>()?;
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if ![".js", ".css", ".svg"].iter().any(|ending| name.ends_with(ending)) {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            // What is made elsewhere stays as it is.
            let text = if folder == "app" { without_comments(&text) } else { text };
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
    }
    table.push_str("]\n");
    println!("cargo::rerun-if-changed={}", studio.join("index.html").display());
    println!("cargo::rustc-env=STUDIO_INDEX={}", studio.join("index.html").display());
    fs::write(out.join("studio_files.rs"), table)
}

/// A module without comments that begin a line, without types, and without indentation. Every line
/// stays where it was, so that an error names the line of the source.
fn without_comments(text: &str) -> String {
    let (mut kept, mut is_inside) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        let mut rest = line.trim_start();
        while is_inside || rest.starts_with("/*") {
            let end = rest.split_once("*/");
            is_inside = end.is_none();
            rest = end.map_or("", |(_, behind)| behind.trim_start());
            if is_inside {
                break;
            }
        }
        if !rest.starts_with("//") {
            push_without_types(&mut kept, rest);
        }
        kept.push('\n');
    }
    kept
}

/// Adds a line without the types in it, which are comments for TypeScript alone.
fn push_without_types(kept: &mut String, line: &str) {
    let mut rest = line;
    while let Some((before, comment)) = rest.split_once("/** @") {
        let Some((_, behind)) = comment.split_once("*/") else { break };
        kept.push_str(before);
        rest = behind.strip_prefix(' ').unwrap_or(behind);
    }
    kept.push_str(rest);
}

fn compress(text: &str, to: &Path) -> io::Result<()> {
    let mut encoder = GzEncoder::new(fs::File::create(to)?, Compression::best());
    encoder.write_all(text.as_bytes())?;
    encoder.finish().map(drop)
}
