//! The list of all operations: the name of each in the program, with its row.

use super::{
    documentation, events, history, labels, maintenance, personas, server, sessions, tokens,
};
use crate::contract::operation::OperationRow;

/// Where the API starts. Health, metrics and the landing page lie outside.
pub const PREFIX: &str = "/api/v1";

/// Makes the enum of names and the table out of one list, so that each name has exactly one row.
macro_rules! operations {
    ($($id:ident => $group:ident::$row:ident,)*) => {
        /// An operation. The order is that of the table, which is the order in which people read
        /// them: personas first, and last what is for machines.
        #[expect(missing_docs, reason = "the row of each says what it does")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum OperationId {
            $($id,)*
        }

        /// Every row, in the order of [`OperationId`].
        pub const OPERATIONS: &[OperationRow] = &[$($group::$row,)*];

        impl OperationId {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$id,)*];
        }
    };
}

operations! {
    ListPersonas => personas::LIST_PERSONAS,
    CountPersonas => personas::COUNT_PERSONAS,
    CreatePersona => personas::CREATE_PERSONA,
    BatchPersonas => personas::BATCH_PERSONAS,
    ImportPersonas => personas::IMPORT_PERSONAS,
    GetPersona => personas::GET_PERSONA,
    ReplacePersona => personas::REPLACE_PERSONA,
    PatchPersona => personas::PATCH_PERSONA,
    DeletePersona => personas::DELETE_PERSONA,
    UndeletePersona => personas::UNDELETE_PERSONA,
    ListRevisions => history::LIST_REVISIONS,
    GetRevision => history::GET_REVISION,
    ImportRevision => history::IMPORT_REVISION,
    RevertPersona => history::REVERT_PERSONA,
    DiffRevisions => history::DIFF_REVISIONS,
    DiffDocument => history::DIFF_DOCUMENT,
    ListLabels => labels::LIST_LABELS,
    GetLabel => labels::GET_LABEL,
    SetLabel => labels::SET_LABEL,
    RemoveLabel => labels::REMOVE_LABEL,
    ListLabelMoves => labels::LIST_LABEL_MOVES,
    ReleaseLabels => labels::RELEASE_LABELS,
    FollowEvents => events::FOLLOW_EVENTS,
    GetSession => sessions::GET_SESSION,
    CreateSession => sessions::CREATE_SESSION,
    DeleteSession => sessions::DELETE_SESSION,
    ListTokens => tokens::LIST_TOKENS,
    CreateToken => tokens::CREATE_TOKEN,
    RevokeToken => tokens::REVOKE_TOKEN,
    RotateToken => tokens::ROTATE_TOKEN,
    GetStatus => server::GET_STATUS,
    RestartServer => server::RESTART_SERVER,
    ListFindings => maintenance::LIST_FINDINGS,
    ListTasks => maintenance::LIST_TASKS,
    BeginBackup => maintenance::BEGIN_BACKUP,
    BeginCheckpoint => maintenance::BEGIN_CHECKPOINT,
    BeginCheck => maintenance::BEGIN_CHECK,
    ListProblems => documentation::LIST_PROBLEMS,
    GetOpenapi => documentation::GET_OPENAPI,
    Landing => documentation::LANDING,
    ExportPersonas => personas::EXPORT_PERSONAS,
    GetDocs => documentation::GET_DOCS,
    GetDocsFile => documentation::GET_DOCS_FILE,
    GetStudioFile => documentation::GET_STUDIO_FILE,
    GetHealth => server::GET_HEALTH,
    GetReadiness => server::GET_READINESS,
    GetMetrics => server::GET_METRICS,
}

impl OperationId {
    /// Its row of the table.
    pub const fn row(self) -> &'static OperationRow {
        &OPERATIONS[self as usize]
    }

    /// The pattern of its path.
    pub const fn path(self) -> &'static str {
        self.row().path
    }

    /// Its path with these values in place of its variable segments, from the left. The values are
    /// inserted unchanged, so they must need no percent-encoding.
    pub fn path_of(self, values: &[&str]) -> String {
        let mut values = values.iter();
        let segments = self.path().split('/').map(|segment| {
            if segment.starts_with('{') {
                values.next().copied().unwrap_or_default()
            } else {
                segment
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{OPERATIONS, OperationId};
    use crate::contract::operation::{RateClass, Scope, StoreUse};

    #[test]
    fn each_operation_has_a_name_and_a_route_of_its_own() {
        let mut routes = BTreeSet::new();
        for id in OperationId::ALL {
            let row = id.row();
            assert!(routes.insert((row.path, row.method.as_str())), "{}", row.name);
            assert!(!row.summary.is_empty() && !row.answers.is_empty(), "{}", row.name);
        }
        let names: BTreeSet<&str> = OPERATIONS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), OPERATIONS.len());
    }

    #[test]
    fn scope_and_rate_follow_what_an_operation_does_with_the_store() {
        for row in OPERATIONS {
            let allowed: &[(Scope, RateClass)] = match row.store {
                StoreUse::None | StoreUse::Probes => &[
                    (Scope::Open, RateClass::Exempt),
                    (Scope::Read, RateClass::Exempt),
                    (Scope::Admin, RateClass::Exempt),
                    (Scope::Admin, RateClass::Write),
                ],
                StoreUse::Reads => &[
                    (Scope::Read, RateClass::Read),
                    (Scope::Read, RateClass::Scan),
                    (Scope::Admin, RateClass::Read),
                ],
                StoreUse::Writes
                | StoreUse::WritesMany
                | StoreUse::WritesTogether
                | StoreUse::MovesLabels => {
                    &[(Scope::Write, RateClass::Write), (Scope::Admin, RateClass::Write)]
                }
                StoreUse::ChangesTokens => &[(Scope::Admin, RateClass::Write)],
            };
            assert!(allowed.contains(&(row.scope, row.rate)), "{}", row.name);
        }
    }

    #[test]
    fn the_values_of_a_path_stand_where_its_variables_are() {
        assert_eq!(
            OperationId::ImportRevision.path_of(&["7", "2"]),
            "/api/v1/personas/7/revisions/2"
        );
        assert_eq!(OperationId::GetHealth.path_of(&[]), "/healthz");
    }
}
