//! `persona edit`: one persona in the user's editor. Whatever goes wrong, what was typed is kept, and can be gone on with.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use persona_model::PersonaId;
use serde_json::{Map, Value};

use super::api::{Access, Api, Reply, persona_path};
use super::arguments::Edit;
use super::author;
use super::edit_draft::{Draft, origin_of};
use super::edit_save::{Base, Headers, Refused, merge, on_top_of, replace};
use super::failure::Failure;
use super::form::Form;
use super::output::{Output, harmless};
use super::question::confirmed;
use super::resolve::resolve;
use crate::config::Environment;
use crate::exit_code::ExitCode;

/// Edits a persona.
pub async fn run(arguments: &Edit, environment: &Environment, output: &Output) -> Result<(), Failure> {
    // Ctrl-C in the editor reaches this process too; from here on it must not take the typed text with it.
    let _interruptions = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    let author = author::header(arguments.author.as_deref(), environment)?;
    let api = Api::open(&arguments.target, Access::Change, environment, output)?;
    let id = resolve(&api, &arguments.persona).await?;
    let mut session = Session::begin(&api, id, arguments.resume.as_deref(), output).await?;
    let reply = loop {
        if let Err(failure) = session.draft.open_in(environment.editor()) {
            return Err(if session.is_precious { session.draft.kept(failure) } else { failure });
        }
        match session.save(&api, &author, arguments.merge).await {
            Ok(Some(reply)) => break reply,
            Ok(None) => {
                output.note("nothing was changed");
                return Ok(());
            }
            Err(refused) => session = session.again(refused, output).await?,
        }
    };
    api.close().await;
    session.saved();
    if output.is_json() {
        return output.answer(&reply);
    }
    let persona = reply.json();
    let name = harmless(persona.get("name").and_then(Value::as_str).unwrap_or_default());
    output.note(&format!("saved {name:?} as revision {}", persona.get("revision").cloned().unwrap_or_default()));
    Ok(())
}

/// A text, and the state that it is made from.
struct Session {
    id: PersonaId,
    base: Base,
    draft: Draft,
    /// Whether the text is more than what the database has.
    is_precious: bool,
    /// The kept text that it goes on with.
    resumed: Option<PathBuf>,
}

impl Session {
    /// The persona as it is, or a text that was kept.
    async fn begin(api: &Api, id: PersonaId, resume: Option<&Path>, output: &Output) -> Result<Self, Failure> {
        if let Some(path) = resume {
            return Self::resume(api, id, path).await;
        }
        let base = base_at(api, &persona_path(id)).await?;
        let draft = Draft::new(id, base.revision, &Form::of(&base.members))?;
        for path in draft.earlier(id) {
            let kept = format!("a text of an earlier edit is kept in {}", path.display());
            if io::stdin().is_terminal() && confirmed(format!("{kept}; go on with it?"), true).await? {
                return Self::resume(api, id, &path).await;
            }
            output.note(&format!("{kept}; --resume {} goes on with it", path.display()));
        }
        Ok(Self { id, base, draft, is_precious: false, resumed: None })
    }

    async fn resume(api: &Api, id: PersonaId, path: &Path) -> Result<Self, Failure> {
        let unusable = |reason: &str| Failure::new(ExitCode::Usage, format!("{} {reason}", path.display()));
        let (of, revision, syntax) = origin_of(path).ok_or_else(|| unusable("is not named like a text that edit kept"))?;
        if of != id {
            return Err(unusable("is the text of another persona").hint(format!("name that one: persona edit --resume … {of}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| Failure::io(format!("could not read {}", path.display()), &error))?;
        let base = base_at(api, &format!("{}?revision={revision}", persona_path(id))).await?;
        let draft = Draft::new(id, base.revision, &Form { syntax, text })?;
        Ok(Self { id, base, draft, is_precious: true, resumed: Some(path.into()) })
    }

    /// Saves what was typed; `None` where that is nothing new.
    async fn save(&self, api: &Api, author: &Headers, merges: bool) -> Result<Option<Reply>, Refused> {
        let after = self.typed()?;
        if after == self.base.typed() {
            return Ok(None);
        }
        let reply = if merges {
            merge(api, self.id, &self.base, &after, author).await?
        } else {
            replace(api, self.id, &self.base, after, author).await?
        };
        Ok(Some(reply))
    }

    fn typed(&self) -> Result<Map<String, Value>, Failure> {
        let read = |text: String| self.draft.syntax.read(&text);
        let unreadable = |reason: String| Failure::new(ExitCode::Failure, "what was typed cannot be read").because(reason.trim_end());
        read(self.draft.text()?).map_err(unreadable)
    }

    /// Offers to go on: with the same text after a mistake, on top of what the other side made after a conflict.
    async fn again(mut self, refused: Refused, output: &Output) -> Result<Self, Failure> {
        let Refused { failure, newer } = refused;
        if !io::stdin().is_terminal() {
            return Err(self.draft.kept(failure));
        }
        failure.print(output);
        let question = if newer.is_some() { "Edit again, on top of that?" } else { "Edit again?" };
        if !confirmed(question.into(), true).await? {
            return Err(self.draft.kept(Failure::new(failure.code, "nothing was saved")));
        }
        self.is_precious = true;
        if let Some(newer) = newer {
            let members = on_top_of(&newer, &self.base, &self.typed()?);
            self.draft = Draft::new(self.id, newer.revision, &Form::of(&members))?;
            self.base = newer;
        }
        Ok(self)
    }

    /// Removes the kept text that is in the database now.
    fn saved(self) {
        if let Some(path) = self.resumed {
            // One that cannot be removed is only offered again.
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn base_at(api: &Api, path: &str) -> Result<Base, Failure> {
    let reply = api.get(path).await?.success()?;
    Base::of(&reply).ok_or_else(|| Failure::new(ExitCode::Failure, "the answer is no persona"))
}
