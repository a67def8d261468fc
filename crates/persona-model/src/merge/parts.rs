//! The parts of fields that are merged separately.

use super::identity::ItemKind;
use crate::field::{Field, FieldKind};

/// The parts of a value.
#[derive(Clone, Copy)]
pub(crate) enum Parts {
    /// None: the whole value is that of one side.
    None,
    /// The lines of a text.
    Lines,
    /// The members of an object, each with its own parts.
    Members(fn(&str) -> Self),
    /// The items of a list.
    Items(ItemKind),
}

impl Parts {
    /// The parts of a field.
    pub(crate) fn of_field(field: &Field) -> Self {
        match field.shape {
            FieldKind::Text => Self::Lines,
            FieldKind::TextByLanguage => Self::Members(|_| Self::Lines),
            FieldKind::Object { .. } if field.name == "character_book" => {
                Self::Members(Self::of_book)
            }
            FieldKind::Object { .. } => Self::Members(|_| Self::None),
            FieldKind::Texts { .. } => Self::Items(ItemKind::Text),
            FieldKind::Lines { .. } => Self::Items(ItemKind::Word),
            FieldKind::Assets => Self::Items(ItemKind::Asset),
            FieldKind::Name
            | FieldKind::Line
            | FieldKind::OneOf(_)
            | FieldKind::Handle
            | FieldKind::Owner
            | FieldKind::Rating
            | FieldKind::Flag { .. } => Self::None,
        }
    }

    /// The parts of an item.
    pub(crate) fn of_item(kind: ItemKind) -> Self {
        match kind {
            ItemKind::Word => Self::None,
            ItemKind::Text => Self::Lines,
            ItemKind::Asset => Self::Members(|_| Self::None),
            ItemKind::Entry => Self::Members(Self::of_entry),
        }
    }

    /// The parts of a member of a lorebook (Character Card V3, `Lorebook`).
    fn of_book(name: &str) -> Self {
        match name {
            "entries" => Self::Items(ItemKind::Entry),
            "extensions" => Self::Members(|_| Self::None),
            _ => Self::None,
        }
    }

    /// The parts of a member of an entry of a lorebook.
    fn of_entry(name: &str) -> Self {
        match name {
            "content" => Self::Lines,
            "keys" | "secondary_keys" => Self::Items(ItemKind::Word),
            "extensions" => Self::Members(|_| Self::None),
            _ => Self::None,
        }
    }
}
