//! Steps of JSON Pointers.

use std::borrow::Cow;

use crate::excerpt;

/// A member name as a step of a JSON Pointer (RFC 6901, section 3), without the slash before it.
pub fn pointer_step(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        name.replace('~', "~0").replace('/', "~1").into()
    } else {
        name.into()
    }
}

/// The same for a place in an error: a name of a client is shortened where it is very long.
pub fn excerpt_step(name: &str) -> String {
    pointer_step(&excerpt(name)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{excerpt_step, pointer_step};
    use crate::EXCERPT_CHARS_MAX;

    #[test]
    fn a_step_reads_back_as_its_name() {
        for (name, step) in [("", ""), ("tags", "tags"), ("a/b~c", "a~1b~0c"), ("~1", "~01")] {
            assert_eq!(pointer_step(name), step);
            assert_eq!(step.replace("~1", "/").replace("~0", "~"), name);
        }
    }

    #[test]
    fn a_long_name_is_shortened_in_the_place_of_an_error() {
        let step = excerpt_step(&"a/".repeat(EXCERPT_CHARS_MAX));
        assert!(step.len() < 2 * EXCERPT_CHARS_MAX, "{step}");
    }
}
