//! The name of each operation in the program, and the paths that follow from it.

use super::operation::Operation;
use super::operations::OPERATIONS;

/// Where the API starts. Health, metrics and the landing page lie outside.
pub const PREFIX: &str = "/api/v1";

/// An operation. The order is that of the table, which is the order in which people read them:
/// personas first, and last what is for machines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OperationId {
    /// `GET /api/v1/personas`.
    ListPersonas,
    /// `POST /api/v1/personas`.
    CreatePersona,
    /// `POST /api/v1/personas/batch`.
    BatchPersonas,
    /// `GET /api/v1/personas/{id}`.
    GetPersona,
    /// `PUT /api/v1/personas/{id}`.
    ReplacePersona,
    /// `PATCH /api/v1/personas/{id}`.
    PatchPersona,
    /// `DELETE /api/v1/personas/{id}`.
    DeletePersona,
    /// `POST /api/v1/personas/{id}/undelete`.
    UndeletePersona,
    /// `PUT /api/v1/personas/{id}/revisions/{revision}`.
    ImportRevision,
    /// `GET /api/v1/status`.
    GetStatus,
    /// `GET /api/v1/problems`.
    ListProblems,
    /// `GET /api/v1/openapi.json`.
    GetOpenapi,
    /// `GET /`.
    Landing,
    /// `GET /api/v1/export`.
    ExportPersonas,
    /// `GET /api/v1/docs`.
    GetDocs,
    /// `GET /api/v1/docs/{file}`.
    GetDocsFile,
    /// `GET /healthz`.
    GetHealth,
    /// `GET /readyz`.
    GetReadiness,
    /// `GET /metrics`.
    GetMetrics,
}

impl OperationId {
    /// Its row of the table.
    pub const fn row(self) -> &'static Operation {
        &OPERATIONS[self as usize]
    }

    /// The pattern of its path.
    pub const fn path(self) -> &'static str {
        self.row().path
    }

    /// Its path with these values in place of its variable segments, from the left. A value is part
    /// of the path as it is, so it must need no percent-encoding.
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
    use super::OperationId;

    #[test]
    fn the_values_of_a_path_stand_where_its_variables_are() {
        assert_eq!(
            OperationId::ImportRevision.path_of(&["7", "2"]),
            "/api/v1/personas/7/revisions/2"
        );
        assert_eq!(OperationId::GetHealth.path_of(&[]), "/healthz");
    }
}
