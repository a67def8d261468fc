//! What is answered where a label cannot be read or moved as asked.

use http::header::ETAG;
use persona_model::{BadLabel, PersonaId, excerpt};
use persona_storage::{Error, LabelError};

use super::{Code, Problem};
use crate::contract::OperationId;
use crate::tag_headers;

impl Problem {
    /// No such label is set.
    pub(crate) fn no_such_label(word: &str) -> Self {
        Self::new(Code::NoSuchLabel, format!("the label {} is not set", excerpt(word)))
    }

    /// The word cannot be one of a label.
    pub(crate) fn bad_label(word: &str, bad: BadLabel) -> Self {
        let problem = Self::new(Code::BadLabel, format!("{}: {bad}", excerpt(word)));
        problem.hint(match bad {
            BadLabel::Latest => "nothing has to move latest; choose another word",
            BadLabel::Form | BadLabel::Number => "choose a word such as production",
        })
    }

    /// The persona is deleted: its labels are kept, but nothing is read or moved by them.
    pub(crate) fn labels_of_deleted(id: PersonaId) -> Self {
        let undelete = OperationId::UndeletePersona.path_of(&[&id.to_string()]);
        Self::of_label(LabelError::Deleted)
            .hint(format!("POST {undelete} brings it back"))
            .with(|body| body.undelete = Some(undelete))
    }

    /// The answer to a move of a label of this persona that was refused.
    pub(crate) fn of_label_of(id: PersonaId, error: Error) -> Self {
        match error {
            Error::Label(error) if *error == LabelError::Deleted => Self::labels_of_deleted(id),
            error => Self::of_persona(id, error),
        }
    }

    /// The answer to a move of a label that was refused.
    pub(super) fn of_label(error: LabelError) -> Self {
        let detail = error.to_string();
        match error {
            LabelError::Deleted => Self::new(Code::Deleted, detail),
            LabelError::NotSet { name } => Self::no_such_label(name.as_str()),
            LabelError::UnknownRevision { latest, .. } => Self::new(Code::NoSuchRevision, detail)
                .with(|body| body.current_revision = Some(latest.number())),
            LabelError::Stale { current: None } => {
                Self::new(Code::LabelMoved, "the label is not set")
            }
            LabelError::Stale { current: Some(label) } => {
                let (revision, version) = (label.revision, label.tag.version);
                let detail =
                    format!("the label points to revision {revision} since move {version}");
                Self::new(Code::LabelMoved, detail)
                    .header(ETAG, tag_headers::quoted(&label.tag.to_string()))
            }
            LabelError::TooMany => Self::new(Code::TooManyLabels, detail),
        }
    }
}
