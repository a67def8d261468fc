//! `persona edit`: one persona in the user's editor. If an edit fails, the typed text is kept, and
//! a later edit can resume it.

use std::path::{Path, PathBuf};

use persona_model::PersonaId;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use serde_json::{Map, Value};

use super::arguments::Edit;
use super::author;
use super::edit_draft::{Draft, origin_of, read_kept, remove_kept};
use super::edit_save::{Base, Headers, Refused, fields_with_markers, merge, on_top_of, replace};
use super::form::{Form, Syntax};
use super::resolve::resolve;
use super::target::{self, Access};
use crate::client::{Api, Reply, persona_path};
use crate::failure::Failure;
use crate::terminal::{Output, can_be_asked, confirmed, harmless, shell_word};

/// What a user without a terminal does about a conflict.
const ON_TOP: &str = "the kept text has the changes of both sides: write in it what is to stay of what is named here, and of what stands between markers";

/// Edits a persona.
pub async fn run(
    arguments: &Edit,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    // Ctrl-C in the editor reaches this process too; from here on it must not end the process,
    // because the typed text would be lost.
    let _interruptions = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    let api = target::open(&arguments.target, Access::Change, environment, output)?;
    let author =
        author::headers(arguments.author.as_deref(), arguments.note.as_deref(), &api, environment)?;
    let id = resolve(&api, &arguments.persona, output).await?;
    let mut session = Session::begin(&api, id, arguments.resume.as_deref(), output).await?;
    let reply = loop {
        if let Err(failure) = session.draft.open_in(environment.editor()) {
            return Err(if session.is_precious { session.kept(failure) } else { failure });
        }
        match session.save(&api, &author, arguments.merge).await {
            Ok(Some(reply)) => break reply,
            Ok(None) => {
                session.done();
                output.note("nothing was changed");
                return Ok(());
            }
            Err(refused) => {
                if let Err(failure) = session.again(refused, output).await {
                    return Err(session.kept(failure));
                }
            }
        }
    };
    api.close().await;
    session.done();
    if output.is_json() {
        return output.json_text(reply.body());
    }
    let persona = reply.json();
    let name = harmless(persona.get("name").and_then(Value::as_str).unwrap_or_default());
    output.note(&format!(
        "saved {name:?} as revision {}",
        persona.get("revision").cloned().unwrap_or_default()
    ));
    Ok(())
}

/// An edit: the text, and the state of the persona that it started from.
struct Session {
    id: PersonaId,
    base: Base,
    draft: Draft,
    /// Whether the text has changes that the database does not have.
    is_precious: bool,
    /// The text as the editor got it after a conflict. Saved unchanged, it would overwrite what the
    /// other side wrote in fields that have no room for markers.
    offered: Option<String>,
    /// The file of the kept text that this edit resumes.
    resumed: Option<PathBuf>,
}

impl Session {
    /// Starts an edit with the current persona, or with a kept text.
    async fn begin(
        api: &Api,
        id: PersonaId,
        resume: Option<&Path>,
        output: &Output,
    ) -> Result<Self, Failure> {
        if let Some(path) = resume {
            return Self::resume(api, id, path).await;
        }
        let base = Base::at(api, &persona_path(id)).await?;
        let draft = Draft::new(id, base.tag, &Form::of(&base.members))?;
        for path in draft.earlier(id) {
            let kept = format!("a text of an earlier edit is kept in {}", path.display());
            if can_be_asked() && confirmed(format!("{kept}; go on with it?"), true).await? {
                return Self::resume(api, id, &path).await;
            }
            output.note(&format!("{kept}; --resume {} goes on with it", path.display()));
        }
        Ok(Self { id, base, draft, is_precious: false, offered: None, resumed: None })
    }

    async fn resume(api: &Api, id: PersonaId, path: &Path) -> Result<Self, Failure> {
        let unusable =
            |reason: &str| Failure::new(ExitCode::Usage, format!("{} {reason}", path.display()));
        let (of, tag, syntax) =
            origin_of(path).ok_or_else(|| unusable("is not named like a text that edit kept"))?;
        if of != id {
            return Err(unusable("is the text of another persona")
                .hint(format!("name that one: persona edit --resume … {of}")));
        }
        let text = read_kept(path)
            .map_err(|error| Failure::io(format!("could not read {}", path.display()), &error))?;
        let base = Base::of_kept(api, id, tag, path).await?;
        if base.tag != tag {
            // After a restore of a backup the same revision can be another state, so the tags are
            // compared.
            let message = format!(
                "revision {} is not the one that {} was made from",
                tag.revision,
                path.display()
            );
            let hint = "the database was restored since; edit without --resume, and take over \
                        from that file what is to stay";
            return Err(Failure::new(ExitCode::Conflict, message).hint(hint));
        }
        let draft = Draft::new(id, base.tag, &Form { syntax, text })?;
        Ok(Self { id, base, draft, is_precious: true, offered: None, resumed: Some(path.into()) })
    }

    /// Saves the typed text; `None` if nothing was changed.
    async fn save(
        &self,
        api: &Api,
        author: &Headers,
        merges: bool,
    ) -> Result<Option<Reply>, Refused> {
        let after = self.typed()?;
        if after == self.base.typed() {
            return Ok(None);
        }
        let marked = fields_with_markers(&after, &self.base);
        if !marked.is_empty() {
            let message = format!("markers of conflicts are left in {}", marked.join(", "));
            let hint = "write what is to stay, and remove the lines <<<<<<< theirs, ||||||| base, \
                        ======= and >>>>>>> yours";
            return Err(Failure::new(ExitCode::Conflict, message).hint(hint).into());
        }
        if self.offered.as_ref() == Some(&self.draft.text()?) {
            let question = "Nothing was changed in the editor. Save your values over the others?";
            if !confirmed(question.into(), false).await? {
                return Err(Failure::new(ExitCode::Conflict, "the conflict is not decided").into());
            }
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
        let unreadable = |reason: String| {
            Failure::new(ExitCode::Failure, "what was typed cannot be read")
                .because(reason.trim_end())
        };
        read(self.draft.text()?).map_err(unreadable)
    }

    /// Offers to go on: after a mistake with the same text, after a conflict with the changes on
    /// top of the newer state.
    ///
    /// # Errors
    ///
    /// The edit ends. The draft still contains the typed text; where there is no terminal to ask
    /// at, on top of the newer state, so that an edit that resumes it can decide the conflict.
    async fn again(&mut self, refused: Refused, output: &Output) -> Result<(), Failure> {
        let Refused { mut failure, newer } = refused;
        let is_asked = can_be_asked();
        if is_asked {
            output.fail(&failure);
            let question =
                if newer.is_some() { "Edit again, on top of that?" } else { "Edit again?" };
            if !confirmed(question.into(), true).await? {
                return Err(Failure::new(failure.code, "nothing was saved"));
            }
        }
        self.is_precious = true;
        if let Some(newer) = newer {
            self.put_on(newer, &failure)?;
            failure.hints = vec![ON_TOP.to_owned()];
        }
        if is_asked { Ok(()) } else { Err(failure) }
    }

    /// Puts the typed changes on top of a newer state, with what the failure says about it.
    fn put_on(&mut self, newer: Base, failure: &Failure) -> Result<(), Failure> {
        let members = on_top_of(&newer, &self.base, &self.typed()?);
        let mut form = Form::of(&members);
        if form.syntax == Syntax::Toml {
            let theirs = failure.causes.iter().map(|cause| format!("# {cause}\n"));
            form.text = theirs.chain([form.text]).collect();
        }
        self.draft = Draft::new(self.id, newer.tag, &form)?;
        self.offered = Some(form.text);
        self.base = newer;
        Ok(())
    }

    /// Keeps the typed text, and removes the kept text that this edit resumed.
    fn kept(self, failure: Failure) -> Failure {
        let Self { id, draft, base, resumed, .. } = self;
        match draft.keep(&base.members) {
            Ok(path) => {
                // The old file is removed, because the new one contains its text, and both would be
                // offered.
                resumed.as_deref().map(remove_kept);
                let word = shell_word(&path);
                let shown = path.display();
                failure.hint(format!(
                    "what you typed is kept in {shown}; `persona edit --resume \
                     {word} {id}` goes on with it"
                ))
            }
            Err(error) => failure.because(format!("what you typed could not be kept: {error}")),
        }
    }

    /// Removes the kept text that this edit resumed, because it is saved, or has nothing new.
    fn done(self) {
        self.resumed.as_deref().map(remove_kept);
    }
}
