//! Which tokens a list has.

/// One page of the tokens of a database, in the order of their names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenPage {
    /// Only tokens that are bound to this owner; `None` for all.
    pub owner: Option<String>,
    /// Only tokens with names behind this one; `None` for the first page.
    pub after: Option<String>,
    /// Most tokens of the page, from 1.
    pub limit: usize,
}
