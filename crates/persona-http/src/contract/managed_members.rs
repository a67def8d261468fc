//! The members of a persona's JSON that the store manages, besides the document.

use persona_model::FIELDS;

/// A member that the store manages: every answer has it, no client sets it.
pub(crate) struct Managed {
    /// Its name.
    pub name: &'static str,
    /// The kind of its value.
    pub holds: MemberKind,
    /// The meaning of the member, in one sentence.
    pub about: &'static str,
}

/// What a store-managed member holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MemberKind {
    Id,
    Revision,
    Time,
    TimeOrNull,
    AuthorOrNull,
    Hash,
}

/// Every store-managed member, in the order of `persona_model::metadata_text`.
pub(crate) const MANAGED: &[Managed] = &[
    Managed { name: "id", holds: MemberKind::Id, about: "Its identity, for ever." },
    Managed {
        name: "revision",
        holds: MemberKind::Revision,
        about: "1 at creation, one more for each change.",
    },
    Managed {
        name: "created_at",
        holds: MemberKind::Time,
        about: "When revision 1 was committed.",
    },
    Managed {
        name: "updated_at",
        holds: MemberKind::Time,
        about: "When the current revision was committed.",
    },
    Managed {
        name: "deleted_at",
        holds: MemberKind::TimeOrNull,
        about: "When it was deleted; null while it is alive.",
    },
    Managed {
        name: "created_by",
        holds: MemberKind::AuthorOrNull,
        about: "The author of revision 1, where known.",
    },
    Managed {
        name: "updated_by",
        holds: MemberKind::AuthorOrNull,
        about: "The author of the current revision, where known.",
    },
    Managed {
        name: "content_hash",
        holds: MemberKind::Hash,
        about: "SHA-256 of the canonical JSON (RFC 8785, with whole numbers in all their digits) \
                of the editable members.",
    },
];

/// A member that answers of earlier versions had. A client may still send it; it is ignored.
pub(crate) const FORMERLY_MANAGED: &str = "labels";

/// The names of all members of an answer.
pub(crate) fn member_names() -> impl Iterator<Item = &'static str> {
    MANAGED.iter().map(|managed| managed.name).chain(FIELDS.iter().map(|field| field.name))
}
