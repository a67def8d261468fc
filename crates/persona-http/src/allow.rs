//! The methods of a path, as the header `Allow` and answers to preflights have them.

use http::HeaderValue;

use crate::contract::OperationId;

/// The operations at a path of the table.
pub(crate) fn operations_at(path: &str) -> impl Iterator<Item = OperationId> {
    OperationId::ALL.iter().copied().filter(move |id| id.path() == path)
}

/// The methods of a path of the table, HEAD beside GET; empty where there are none.
pub(crate) fn methods_at(path: &str) -> HeaderValue {
    let methods: Vec<&str> = operations_at(path).map(|id| id.row().method.as_str()).collect();
    let with_head = methods.join(",").replace("GET", "GET,HEAD");
    HeaderValue::try_from(with_head).expect("methods are visible ASCII")
}
