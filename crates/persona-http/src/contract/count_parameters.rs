//! The query parameters of counts, and of the filters of lists that they are for.

use persona_model::{HandlePrefix, LabelName, OWNER_CHARS_MAX};
use persona_storage::CountBy;

use super::parameters::{Parameter, ParameterKind, Typed, text, typed};

/// What personas are counted by; the beginning of handles belongs to a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CountWord {
    /// The folders of their handles.
    Folder,
    /// Their labels.
    Label,
    /// Their owners.
    Owner,
}

impl CountWord {
    /// The same with the beginning of handles; `None` where it has no place.
    pub fn beginning_with(self, prefix: Option<HandlePrefix>) -> Option<CountBy> {
        match (self, prefix) {
            (Self::Folder, prefix) => Some(CountBy::Folder(prefix)),
            (Self::Label, None) => Some(CountBy::Label),
            (Self::Owner, None) => Some(CountBy::Owner),
            (Self::Label | Self::Owner, Some(_)) => None,
        }
    }
}

/// What personas are counted by.
pub const COUNT_BY: Typed<CountWord> = typed(
    "by",
    ParameterKind::OneOf(&["folder", "label", "owner"]),
    |_, value| match value {
        "folder" => Ok(CountWord::Folder),
        "label" => Ok(CountWord::Label),
        "owner" => Ok(CountWord::Owner),
        _ => Err("one of folder, label, owner".into()),
    },
    "What is counted: personas by the folders of their handles, right below handle_prefix or the \
     outermost ones; by each of their labels; or by owner. Folder by default.",
);

/// Longest name of a count: no label and no handle is longer than an owner may be.
const NAME_CHARS_MAX: usize = OWNER_CHARS_MAX;
/// What stands before the name in a cursor, because the name of no owner is empty.
const CURSOR_START: char = '~';

/// Where a page of counts starts: behind this name.
pub const COUNT_CURSOR: Typed<String> = typed(
    "cursor",
    ParameterKind::CountCursor,
    |_, value| {
        value
            .strip_prefix(CURSOR_START)
            .filter(|name| name.len() <= NAME_CHARS_MAX)
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()))
            .map(ToOwned::to_owned)
            .ok_or_else(|| "next_cursor of the page before".into())
    },
    "Where to go on: next_cursor of the page before.",
);

/// The cursor of the page that starts behind a name.
pub fn count_cursor(name: &str) -> String {
    format!("{CURSOR_START}{name}")
}

/// Tags that personas of a list do not have.
pub const WITHOUT_TAG: Parameter = text(
    "without_tag",
    ParameterKind::Tag,
    true,
    "Only personas without this tag, in any letter case; repeat it for none of several, at most \
     16.",
);

/// The label that personas of a list have.
pub const WITH_LABEL: Typed<LabelName> = typed(
    "label",
    ParameterKind::Label,
    |_, value| LabelName::parse(value).map_err(|bad| format!("a label that is set: {bad}")),
    "Only personas with this label, wherever it points.",
);

#[cfg(test)]
mod tests {
    use super::{COUNT_CURSOR, count_cursor};

    fn read(text: &str) -> Option<String> {
        (COUNT_CURSOR.read)(&COUNT_CURSOR.parameter, text).ok()
    }

    #[test]
    fn a_cursor_reads_back_as_the_name_that_it_was_made_of() {
        let longest = "a".repeat(128);
        for name in ["", "support/", "v1.0", "team:7", &longest] {
            assert_eq!(read(&count_cursor(name)).as_deref(), Some(name));
        }
        for bad in ["", "support/", "~ü", "~a b", "~\0", &count_cursor(&"a".repeat(129))] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
