//! Flags of `persona label`.

use clap::{ArgGroup, Args, Subcommand};

use super::Target;
use super::count::at_least_one;

/// Arguments of `label`.
#[derive(Args, Debug)]
pub struct Label {
    /// What to do.
    #[command(subcommand)]
    pub action: LabelAction,
}

/// What to do with labels.
#[derive(Subcommand, Debug)]
pub enum LabelAction {
    /// List the labels of a persona, and where each points.
    List(LabelList),
    /// Set a label, or move it: of several personas at once all of them or none.
    Set(LabelSet),
    /// Remove a label: of several personas at once all of them or none. Its moves are kept.
    Delete(LabelDelete),
    /// List the moves of a label, the newest first.
    Moves(LabelMoves),
}

/// Arguments of `label list`.
#[derive(Args, Debug)]
pub struct LabelList {
    /// Identity, handle or name.
    pub persona: String,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `label set`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("to").args(["revision", "from"]))]
pub struct LabelSet {
    /// The label, such as production.
    pub label: String,
    /// Identity, handle or name of each persona.
    #[arg(required = true, value_name = "PERSONA")]
    pub personas: Vec<String>,
    /// Revision that it is to point to; by default the current one.
    #[arg(long, value_name = "REVISION", value_parser = at_least_one)]
    pub revision: Option<u64>,
    /// Label of each persona that points there already, such as staging.
    #[arg(long, value_name = "LABEL")]
    pub from: Option<String>,
    /// Author of the moves; by default the login name.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `label delete`.
#[derive(Args, Debug)]
pub struct LabelDelete {
    /// The label.
    pub label: String,
    /// Identity, handle or name of each persona.
    #[arg(required = true, value_name = "PERSONA")]
    pub personas: Vec<String>,
    /// Author of the moves; by default the login name.
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}

/// Arguments of `label moves`.
#[derive(Args, Debug)]
pub struct LabelMoves {
    /// The label.
    pub label: String,
    /// Identity, handle or name.
    pub persona: String,
    /// Largest number of moves to list.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = at_least_one)]
    pub limit: u64,
    /// Where the personas are.
    #[command(flatten)]
    pub target: Target,
}
