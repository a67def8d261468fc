//! The closed set of labels under which requests are counted: the operations of the API.
//!
//! If clients could choose labels, they could fill the scoreboard. So a request for an unknown
//! operation is counted as [`OTHER`].

use persona_http::contract::{OPERATIONS, OperationId};

/// The labels of requests for unknown operations: method and route.
const OTHER: (&str, &str) = ("other", "other");

/// Classes of status codes: `1xx` to `5xx`.
pub(super) const CLASSES: usize = 5;

/// The number of series of requests; those of unknown operations come first.
pub(super) const SERIES: usize = (1 + OPERATIONS.len()) * CLASSES;

/// The series of a request.
pub(super) fn series_of(operation: Option<OperationId>, status: u16) -> usize {
    let place = operation.map_or(0, |id| 1 + id as usize);
    let class = usize::from(status / 100).clamp(1, CLASSES) - 1;
    place * CLASSES + class
}

/// Method, route and class of status of a series.
pub(super) fn labels_of(series: usize) -> (&'static str, &'static str, &'static str) {
    let place = series / CLASSES;
    let (method, route) = match place.checked_sub(1).and_then(|place| OPERATIONS.get(place)) {
        Some(row) => (row.method.as_str(), row.path),
        None => OTHER,
    };
    (method, route, ["1xx", "2xx", "3xx", "4xx", "5xx"][series % CLASSES])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use persona_http::contract::OperationId;

    use super::{SERIES, labels_of, series_of};

    #[test]
    fn every_operation_has_a_series_of_its_own_for_each_class_of_status() {
        let mut seen = BTreeSet::new();
        for id in OperationId::ALL {
            let row = id.row();
            for (status, class) in [(200, "2xx"), (304, "3xx"), (412, "4xx"), (503, "5xx")] {
                let series = series_of(Some(*id), status);
                assert!(series < SERIES && seen.insert(series), "{}", row.name);
                assert_eq!(labels_of(series), (row.method.as_str(), row.path, class));
            }
        }
    }

    #[test]
    fn what_is_no_operation_is_counted_as_other() {
        for status in [404, 405] {
            assert_eq!(labels_of(series_of(None, status)), ("other", "other", "4xx"));
        }
        assert!(series_of(Some(OperationId::GetMetrics), 999) < SERIES);
    }
}
