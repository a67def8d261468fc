//! Living personas, counted by what many of them have in common: one statement.

use tokio_postgres::types::Type;

use super::connection::{Parameter, Statement};
use super::lease::Leases;
use super::row;
use super::shares::Kind;
use crate::{Count, CountBy, CountRequest, Error};

/// Of handles up to the next slash.
const FOLDERS: &str = r#"
    SELECT folder, count(*)
    FROM (
        SELECT ($4::text || split_part(substr(p.handle, length($4::text) + 1), '/', 1) || '/') COLLATE "C" AS folder
        FROM persona_store.personas AS p
        WHERE p.deleted_at IS NULL
            AND p.handle >= $4::text
            AND ($5::text IS NULL OR p.handle < $5::text)
            AND strpos(substr(p.handle, length($4::text) + 1), '/') > 0
            AND ($3::text[] IS NULL OR p.owner = ANY ($3::text[]))
    ) AS found
    WHERE $1::text IS NULL OR folder > $1::text
    GROUP BY folder
    ORDER BY folder
    LIMIT $2"#;

/// Of labels that are set.
const LABELS: &str = "
    SELECT l.label, count(*)
    FROM persona_store.labels AS l
    JOIN persona_store.personas AS p ON p.id = l.persona
    WHERE p.deleted_at IS NULL
        AND ($1::text IS NULL OR l.label > $1::text)
        AND ($3::text[] IS NULL OR p.owner = ANY ($3::text[]))
    GROUP BY l.label
    ORDER BY l.label
    LIMIT $2";

/// Of owners.
const OWNERS: &str = "
    SELECT p.owner, count(*)
    FROM persona_store.personas AS p
    WHERE p.deleted_at IS NULL
        AND ($1::text IS NULL OR p.owner > $1::text)
        AND ($3::text[] IS NULL OR p.owner = ANY ($3::text[]))
    GROUP BY p.owner
    ORDER BY p.owner
    LIMIT $2";

/// A page of counts.
pub(super) async fn page(leases: &Leases, request: &CountRequest) -> Result<Vec<Count>, Error> {
    let owners = request.reach.owners(None);
    let (beginning, end) = (request.by.beginning(), request.by.end());
    let limit = row::stored(request.limit as u64);
    let mut parameters: Vec<Parameter<'_>> =
        vec![(&request.after, Type::TEXT), (&limit, Type::INT8), (&owners, Type::TEXT_ARRAY)];
    let statement = match &request.by {
        CountBy::Folder(_) => {
            parameters.extend([
                (&beginning as &(dyn tokio_postgres::types::ToSql + Sync), Type::TEXT),
                (&end, Type::TEXT),
            ]);
            FOLDERS
        }
        CountBy::Label => LABELS,
        CountBy::Owner => OWNERS,
    };
    let found = leases.read(Kind::List, Statement::Kept(statement), &parameters).await?;
    let count = |found| Ok(Count { name: row::value(found, 0)?, personas: row::number(found, 1)? });
    found.iter().map(count).collect()
}
