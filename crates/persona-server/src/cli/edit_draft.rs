//! The file that the editor gets, and what is kept of it when it could not be saved.
//!
//! The name of the file tells which persona and which revision of it the text was made from, so that a kept one can be gone
//! on with later: `persona-edit-<id>-r<revision>-<random>.toml`, with `.kept` in it once it was left behind.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use persona_model::{PersonaId, Revision};
use tempfile::NamedTempFile;

use super::failure::Failure;
use super::form::{Form, Syntax};
use super::work::shell_word;
use crate::exit_code::ExitCode;

const PREFIX: &str = "persona-edit-";
const KEPT: &str = ".kept";

/// A text in the making, in a private file.
pub struct Draft {
    file: NamedTempFile,
    /// How it is written.
    pub syntax: Syntax,
}

impl Draft {
    /// A file with this form of a revision.
    pub fn new(id: PersonaId, revision: Revision, form: &Form) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("could not write a file for the editor", &error);
        let prefix = format!("{PREFIX}{id}-r{revision}-");
        let mut file = tempfile::Builder::new().prefix(&prefix).suffix(form.syntax.ending()).tempfile().map_err(failed)?;
        file.write_all(form.text.as_bytes()).map_err(failed)?;
        Ok(Self { file, syntax: form.syntax })
    }

    /// What is in the file now. Read by its name, because editors put a new file in the place of the old one.
    pub fn text(&self) -> Result<String, Failure> {
        std::fs::read_to_string(self.file.path()).map_err(|error| Failure::io("could not read what was typed", &error))
    }

    /// Runs the editor through the shell, because the variable may hold arguments (`code --wait`).
    pub fn open_in(&self, editor: &str) -> Result<(), Failure> {
        let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(self.file.path()).status();
        let failure = || {
            Failure::new(ExitCode::Failure, format!("the editor {editor:?} did not work, nothing was changed"))
                .hint("set VISUAL or EDITOR to another one")
        };
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failure().because(status)),
            Err(error) => Err(failure().because(error)),
        }
    }

    /// Keeps the file, and says where it is.
    pub fn kept(self, failure: Failure) -> Failure {
        let path = match self.file.keep() {
            Ok((_, path)) => path,
            Err(error) => return failure.because(format!("what you typed could not be kept: {error}")),
        };
        let marked = marked(&path, self.syntax);
        let path = if std::fs::rename(&path, &marked).is_ok() { marked } else { path };
        let word = shell_word(&path);
        failure.hint(format!("what you typed is kept in {}; `persona edit --resume {word} NAME` goes on with it", path.display()))
    }

    /// Texts of a persona that earlier edits kept, beside this one.
    pub fn earlier(&self, id: PersonaId) -> Vec<PathBuf> {
        let entries = self.file.path().parent().and_then(|folder| std::fs::read_dir(folder).ok());
        let mut paths: Vec<PathBuf> = entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| is_kept(path) && origin_of(path).is_some_and(|(of, _, _)| of == id));
        paths.sort();
        paths
    }
}

fn marked(path: &Path, syntax: Syntax) -> PathBuf {
    let name = path.display().to_string();
    format!("{}{KEPT}{}", name.strip_suffix(syntax.ending()).unwrap_or(&name), syntax.ending()).into()
}

fn is_kept(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(KEPT))
}

/// What the name of a draft tells: whose it is, which revision it was made from, and how it is written.
pub fn origin_of(path: &Path) -> Option<(PersonaId, Revision, Syntax)> {
    let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    let syntax = [Syntax::Toml, Syntax::Json].into_iter().find(|syntax| name.ends_with(syntax.ending()))?;
    let (id, rest) = name.split_once("-r")?;
    let (revision, _) = rest.split_once('-')?;
    Some((PersonaId::parse(id)?, Revision::new(revision.parse().ok()?)?, syntax))
}
