//! A handle with its owner, and what a handle leads to.
//!
//! A handle is unique among the living personas of one owner. One that was given up leads to the
//! persona that had it last, until another persona of the owner takes it.
//!
//! A client finds the personas of its own owner first, and those without an owner after them; for a
//! client that reaches everything the own ones are those without an owner, and all others come
//! after them. What a client does not reach is not there. These are the rules of all backends; they
//! read the rows of a handle in one statement, and so of one moment.

use std::collections::BTreeSet;

use persona_model::{Persona, PersonaId, Reach};

use crate::Glance;

/// Most rows of a kind that are read of a handle, and so most personas of
/// [`HandleTarget::Several`]. A client that is bound to an owner needs two; for one that reaches
/// everything there can be one for each owner, and two are too many already.
pub const NAMESAKES_MAX: usize = 10;

/// See the module.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Handle {
    /// The owner; empty for personas without an owner.
    pub owner: String,
    pub handle: String,
}

impl Handle {
    /// The handle that a persona occupies; a deleted persona occupies none.
    pub(crate) fn of(persona: &Persona) -> Option<Self> {
        let document = &persona.document;
        let handle = document.handle().filter(|_| persona.deleted_at.is_none())?;
        Some(Self { owner: document.owner_word().into(), handle: handle.into() })
    }
}

/// A handle that no living persona has, and the persona that had it last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FormerHandle {
    pub handle: Handle,
    pub persona: PersonaId,
}

/// What a handle leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HandleTarget {
    /// The persona that has it; or a deleted one that had it when it was deleted, and that no other
    /// took it from.
    Persona(PersonaId),
    /// The persona that had it last, and is called otherwise now.
    Former(PersonaId),
    /// Personas of several owners, in the order of their identities: all, or [`NAMESAKES_MAX`] of
    /// them.
    Several(Vec<Namesake>),
    /// No persona that the client reaches.
    Nothing,
}

/// One of several personas with the same handle.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Namesake {
    /// The persona.
    pub persona: PersonaId,
    /// The owner of the persona; empty where it has none.
    pub owner: String,
}

/// What a look at a handle found, all of one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandleLook {
    /// Where it leads.
    pub target: HandleTarget,
    /// The current state of [`HandleTarget::Persona`]; otherwise that of none.
    pub glance: Glance,
}

impl HandleLook {
    /// Nothing was found.
    pub(crate) const NOTHING: Self =
        Self { target: HandleTarget::Nothing, glance: Glance::Whole(None) };
}

/// The owners among which a handle is looked up for a client, its own first; `None` for all.
pub(crate) fn owners_of(reach: &Reach) -> Option<[&str; 2]> {
    let owner = reach.owner()?.as_str();
    // Twice the same where it does not reach those without an owner.
    Some([owner, if reach.sees("") { "" } else { owner }])
}

/// The owner of the personas that a client finds before all others.
pub(crate) fn first_owner_of(reach: &Reach) -> &str {
    reach.owner().map_or("", |owner| owner.as_str())
}

/// A row of a handle.
#[derive(Clone, Debug)]
pub(crate) struct HandleRow {
    /// The owner that the handle was looked up for; empty where there is none.
    pub owner: String,
    pub persona: PersonaId,
    /// What became of the handle.
    pub is_former: bool,
    /// For a former handle, the owner that its persona has now.
    pub owner_now: String,
    /// For a former handle, whether its persona is deleted and has the same handle still.
    pub is_of_deleted: bool,
    /// The current state of the persona.
    pub glance: Glance,
}

/// Where the rows of a handle lead a client.
pub(crate) fn choose(reach: &Reach, rows: Vec<HandleRow>) -> HandleLook {
    let (former, living): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .filter(|row| reach.sees(if row.is_former { &row.owner_now } else { &row.owner }))
        .partition(|row| row.is_former);
    for kind in [living, former] {
        if let Some(found) = choose_of(reach, kind) {
            return found;
        }
    }
    HandleLook::NOTHING
}

fn choose_of(reach: &Reach, mut rows: Vec<HandleRow>) -> Option<HandleLook> {
    let first = first_owner_of(reach);
    if let Some(own) = rows.iter().position(|row| row.owner == first) {
        return Some(rows.swap_remove(own).look());
    }
    let different: BTreeSet<Namesake> = rows.iter().map(HandleRow::namesake).collect();
    if different.len() > 1 {
        let target = HandleTarget::Several(different.into_iter().collect());
        return Some(HandleLook { target, glance: Glance::Whole(None) });
    }
    rows.pop().map(HandleRow::look)
}

impl HandleRow {
    fn namesake(&self) -> Namesake {
        let owner = if self.is_former { &self.owner_now } else { &self.owner };
        Namesake { persona: self.persona, owner: owner.clone() }
    }

    fn look(self) -> HandleLook {
        if self.is_former && !self.is_of_deleted {
            let target = HandleTarget::Former(self.persona);
            return HandleLook { target, glance: Glance::Whole(None) };
        }
        HandleLook { target: HandleTarget::Persona(self.persona), glance: self.glance }
    }
}

#[cfg(test)]
mod tests {
    use persona_model::{PersonaId, Reach};

    use super::{Glance, HandleRow, HandleTarget, Namesake, choose};

    fn id(number: u8) -> PersonaId {
        PersonaId::from_bytes([number; 16])
    }

    fn living(owner: &str, number: u8) -> HandleRow {
        HandleRow {
            owner: owner.into(),
            persona: id(number),
            is_former: false,
            owner_now: String::new(),
            is_of_deleted: false,
            glance: Glance::Large,
        }
    }

    fn former(owner: &str, number: u8, owner_now: &str) -> HandleRow {
        let owner_now = owner_now.into();
        HandleRow { is_former: true, owner_now, ..living(owner, number) }
    }

    fn target(reach: &Reach, rows: &[HandleRow]) -> HandleTarget {
        let forwards = choose(reach, rows.to_vec());
        let backwards = choose(reach, rows.iter().rev().cloned().collect());
        assert_eq!(forwards, backwards, "the order of the rows is nothing");
        forwards.target
    }

    #[test]
    fn a_bound_client_finds_its_own_before_those_without_an_owner_and_no_others() {
        let of = |with_shared| Reach::Owner { owner: "ada".parse().expect("a name"), with_shared };
        let (alone, shared) = (of(false), of(true));
        let rows = [living("ada", 1), living("", 2), living("bea", 3)];
        assert_eq!(target(&alone, &rows), HandleTarget::Persona(id(1)));
        assert_eq!(target(&alone, &rows[1..]), HandleTarget::Nothing);
        assert_eq!(target(&shared, &rows), HandleTarget::Persona(id(1)));
        assert_eq!(target(&shared, &rows[1..]), HandleTarget::Persona(id(2)));
        assert_eq!(target(&shared, &rows[2..]), HandleTarget::Nothing);
    }

    #[test]
    fn a_former_handle_leads_to_what_the_client_reaches_now() {
        let of = |with_shared| Reach::Owner { owner: "ada".parse().expect("a name"), with_shared };
        let (alone, shared) = (of(false), of(true));
        let rows = [former("ada", 1, "bea"), former("", 2, "ada")];
        assert_eq!(target(&alone, &rows[..1]), HandleTarget::Nothing, "of another owner now");
        assert_eq!(target(&shared, &rows), HandleTarget::Former(id(2)));
        assert_eq!(target(&Reach::Everything, &rows[..1]), HandleTarget::Former(id(1)));
        let taken = [former("ada", 1, "ada"), living("", 2)];
        assert_eq!(target(&shared, &taken), HandleTarget::Persona(id(2)), "the living come first");
    }

    #[test]
    fn a_client_that_reaches_everything_is_told_of_several_owners_and_guesses_none() {
        let everything = Reach::Everything;
        let rows = [living("", 1), living("bea", 2), living("ada", 3)];
        assert_eq!(target(&everything, &rows), HandleTarget::Persona(id(1)));
        assert_eq!(target(&everything, &rows[1..2]), HandleTarget::Persona(id(2)));
        let several = [(2, "bea"), (3, "ada")]
            .map(|(number, owner)| Namesake { persona: id(number), owner: owner.into() });
        assert_eq!(target(&everything, &rows[1..]), HandleTarget::Several(several.into()));
        let former = [former("ada", 1, "ada"), former("bea", 1, "ada")];
        assert_eq!(target(&everything, &former), HandleTarget::Former(id(1)), "one persona");
    }

    #[test]
    fn a_deleted_persona_is_found_by_the_handle_that_it_had() {
        let deleted = HandleRow { is_of_deleted: true, ..former("", 1, "") };
        let rows = std::slice::from_ref(&deleted);
        assert_eq!(target(&Reach::Everything, rows), HandleTarget::Persona(id(1)));
        let rows = [deleted, living("", 2)];
        assert_eq!(target(&Reach::Everything, &rows), HandleTarget::Persona(id(2)));
    }
}
