//! Living personas, counted by what many of them have in common.

use persona_model::{HandlePrefix, Reach};

/// What personas are counted by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CountBy {
    /// The folder of their handle: what it has up to the next slash behind this beginning, or up to
    /// its first slash. A persona is in no folder where its handle has no further slash.
    Folder(Option<HandlePrefix>),
    /// Their labels: a persona counts for each that it has.
    Label,
    /// Their owner.
    Owner,
}

impl CountBy {
    /// The beginning of the handles that are counted; empty for all.
    pub(crate) fn beginning(&self) -> &str {
        match self {
            Self::Folder(Some(prefix)) => prefix.as_str(),
            Self::Folder(None) | Self::Label | Self::Owner => "",
        }
    }

    /// The first text behind all handles with this beginning; `None` where all are counted.
    pub(crate) fn end(&self) -> Option<String> {
        match self {
            Self::Folder(Some(prefix)) => Some(prefix.end()),
            Self::Folder(None) | Self::Label | Self::Owner => None,
        }
    }
}

/// A page of counts, in the order of their names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CountRequest {
    /// What personas are counted by.
    pub by: CountBy,
    /// Only those with names behind this one; `None` for the first page.
    pub after: Option<String>,
    /// Most counts of the page, from 1.
    pub limit: usize,
    /// Only personas that the client reaches.
    pub reach: Reach,
}

/// How many living personas have one thing in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Count {
    /// What they have in common, as a filter of a list takes it: the beginning of their handles, a
    /// label, or an owner, which is empty for personas without one.
    pub name: String,
    /// Their number, from 1.
    pub personas: u64,
}
