//! Every command and flag. Start reading at [`Command`].

mod command;
mod count;
mod label;
mod operate;
mod personas;
mod token;
mod watch;

pub use command::{
    Arguments, Command, ConfigAction, CredentialFlags, DatabaseFile, RunRole, Target,
};
pub use label::{Label, LabelAction, LabelDelete, LabelList, LabelMoves, LabelSet};
pub use operate::{
    Backup, Bench, ChaosWord, Check, Doctor, Health, Move, Prune, Restore, Top, Verify,
};
pub use personas::{
    Create, Delete, Diff, Edit, Export, History, Import, List, OnDuplicate, Revert, Show, Undelete,
    Update,
};
pub use token::{ScopeOfToken, Token, TokenAction, TokenCreate, TokenLink};
pub use watch::Watch;
