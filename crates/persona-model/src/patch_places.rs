//! Finds the place in a patch that wrote a value which breaks a rule of the document.

use crate::Patch;

/// The places that a patch names. They are kept for error messages when the patch itself has been
/// handed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PatchPlaces {
    /// The members of a merge patch.
    Members(Vec<String>),
    /// Where the operations of a JSON Patch write, in their order.
    Operations(Vec<String>),
}

impl PatchPlaces {
    /// Collects the places that a patch names.
    pub fn of(patch: &Patch) -> Self {
        match patch {
            Patch::Merge(value) => {
                let members = value.as_object().into_iter().flatten();
                Self::Members(members.map(|(name, _)| name.clone()).collect())
            }
            Patch::Json(patch) => {
                let place = |operation: &json_patch::PatchOperation| operation.path().to_string();
                Self::Operations(patch.0.iter().map(place).collect())
            }
        }
    }

    /// The place in the patch that wrote a place in the document. `pointer` may also name a place
    /// in the patch itself. Empty, which means the whole patch, where no place of the patch wrote
    /// there.
    pub fn place_of(&self, pointer: &str) -> String {
        let first = pointer.split('/').nth(1).unwrap_or_default();
        match self {
            Self::Members(names) => {
                let name = first.replace("~1", "/").replace("~0", "~");
                if names.contains(&name) { pointer.to_owned() } else { String::new() }
            }
            Self::Operations(paths) => {
                if names_operation(pointer) {
                    return pointer.to_owned();
                }
                let holds = |outer: &str, inner: &str| {
                    inner
                        .strip_prefix(outer)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                // The last operation that wrote there made the value.
                let index =
                    paths.iter().rposition(|path| holds(path, pointer) || holds(pointer, path));
                index
                    .filter(|_| !pointer.is_empty())
                    .map_or_else(String::new, |index| format!("/{index}"))
            }
        }
    }
}

/// Whether a pointer of an error names an operation of a JSON Patch. It does where the first step
/// is a number, because no member of a document has a number for a name.
fn names_operation(pointer: &str) -> bool {
    let first = pointer.split('/').nth(1).unwrap_or_default();
    !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::PatchPlaces;
    use crate::Patch;

    #[test]
    fn a_place_in_the_document_leads_to_the_member_or_operation_that_wrote_it() {
        let merge = Patch::merge(json!({ "name": null, "tags": ["a"] })).expect("a patch");
        let places = PatchPlaces::of(&merge);
        for (pointer, place) in
            [("/name", "/name"), ("/tags/0", "/tags/0"), ("/kind", ""), ("", "")]
        {
            assert_eq!(places.place_of(pointer), place);
        }
        let operations = Patch::json(json!([
            { "op": "replace", "path": "/name", "value": "" },
            { "op": "add", "path": "/tags/-", "value": "a" },
            { "op": "replace", "path": "/name", "value": "b" },
            { "op": "remove", "path": "/nickname" },
        ]));
        let places = PatchPlaces::of(&operations.expect("a patch"));
        for (pointer, place) in [
            ("/name", "/2"),
            ("/tags", "/1"),
            ("/kind", ""),
            ("", ""),
            ("/3/path", "/3/path"),
            ("/nick", ""),
        ] {
            assert_eq!(places.place_of(pointer), place, "{pointer}");
        }
    }
}
