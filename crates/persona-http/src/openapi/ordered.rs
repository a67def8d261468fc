//! Members of an object in the order in which they were given, which is the order in which pages
//! and generators show them.

use serde::{Serialize, Serializer};

/// Name and value of each member.
pub(super) struct Ordered<T>(pub Vec<(String, T)>);

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
