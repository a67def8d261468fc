//! How many requests a client may make: one budget for reads and one for writes.
//!
//! A request counts against the budget of its party: its token, or the address of its client.
//! What counts against no budget, such as metrics, does so where it is refused for its token:
//! otherwise guesses would have no limit there. Cells that all workers share keep what is left of
//! each budget; this file decides which budget a request counts against, and writes the headers
//! of answers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use persona_storage::Party;

use crate::contract::{OperationId, RateClass};
use crate::problem::{Code, Problem};

/// The header with the budget of a request and its rate (draft-ietf-httpapi-ratelimit-headers-10,
/// section 3).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The header with what is left of the budget (same draft, section 4).
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The rate at which a budget is refilled, and its size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Requests a second.
    pub per_second: NonZeroU32,
    /// The size of the budget: requests that a client can make at once after a pause.
    pub burst: NonZeroU32,
}

/// The budget that a request counts against.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Budget {
    /// Requests that read.
    Reads,
    /// Requests that change something. A batch or an import counts as one request.
    Writes,
}

/// The result of taking one unit of a budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Whether there was a unit to take.
    pub is_within: bool,
    /// How many units are left.
    pub remaining: u32,
    /// How long until the budget is full.
    pub full_after: Duration,
    /// How long until there is a unit again; zero if there is one now.
    pub retry_after: Duration,
}

/// The cells that keep what is left of each budget.
pub trait RateCells: Send + Sync {
    /// Takes one unit of the budget of a client, if there is one.
    fn take(&self, party: Party, budget: Budget, rate: Rate) -> Taken;

    /// What [`take`](Self::take) would return; takes nothing.
    fn look(&self, party: Party, budget: Budget, rate: Rate) -> Taken;
}

/// The limits of a server; none by default.
#[derive(Clone, Default)]
pub struct RateLimits {
    /// The rate of reads; `None` for no limit.
    pub reads: Option<Rate>,
    /// The rate of writes; `None` for no limit.
    pub writes: Option<Rate>,
    /// The cells in which requests are counted.
    pub cells: Option<Arc<dyn RateCells>>,
}

/// A request that was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Counted {
    budget: Budget,
    rate: Rate,
    taken: Taken,
}

impl RateLimits {
    /// Counts a request that was permitted; `None` where it counts against no budget.
    pub(crate) fn count(&self, operation: OperationId, party: Option<Party>) -> Option<Counted> {
        let budget = budget_of(operation)?;
        // A request that this process makes itself has no party and is not counted.
        self.take(budget, party?)
    }

    /// Counts a request that was not permitted, with this problem.
    pub(crate) fn count_refused(
        &self,
        operation: OperationId,
        party: Option<Party>,
        problem: &Problem,
    ) -> Option<Counted> {
        let is_guess = matches!(problem.code(), Code::TokenRequired | Code::TokenRefused);
        let of_guess = is_guess.then(|| budget_of_guess(operation));
        self.take(budget_of(operation).or(of_guess)?, party?)
    }

    /// The refusal of a guess for which nothing is left; `None` where something is.
    pub(crate) fn beyond_budget(&self, operation: OperationId, party: Party) -> Option<Counted> {
        let budget = budget_of_guess(operation);
        let (cells, rate) = (self.cells.as_ref()?, self.rate_of(budget)?);
        let taken = cells.look(party, budget, rate);
        (!taken.is_within).then_some(Counted { budget, rate, taken })
    }

    /// Whether there is any limit.
    pub(crate) fn is_limited(&self) -> bool {
        self.cells.is_some() && (self.reads.is_some() || self.writes.is_some())
    }

    fn take(&self, budget: Budget, party: Party) -> Option<Counted> {
        let (cells, rate) = (self.cells.as_ref()?, self.rate_of(budget)?);
        Some(Counted { budget, rate, taken: cells.take(party, budget, rate) })
    }

    fn rate_of(&self, budget: Budget) -> Option<Rate> {
        match budget {
            Budget::Reads => self.reads,
            Budget::Writes => self.writes,
        }
    }
}

/// The budget of an operation; `None` where it counts against none.
fn budget_of(operation: OperationId) -> Option<Budget> {
    match operation.row().rate {
        RateClass::Exempt => None,
        RateClass::Read | RateClass::Scan => Some(Budget::Reads),
        RateClass::Write => Some(Budget::Writes),
    }
}

/// The budget against which a request counts that has no token that counts.
fn budget_of_guess(operation: OperationId) -> Budget {
    budget_of(operation).unwrap_or(Budget::Reads)
}

impl Counted {
    /// The refusal of a request for which no unit was left; `None` if there was one.
    pub(crate) fn refusal(self) -> Option<Problem> {
        (!self.taken.is_within).then(|| self.problem())
    }

    fn problem(self) -> Problem {
        let Rate { per_second, burst } = self.rate;
        let what = self.budget.name();
        let detail =
            format!("this client may make {per_second} {what} a second, and {burst} at once");
        let seconds = HeaderValue::from(seconds(self.taken.retry_after).max(1));
        Problem::new(Code::RateLimited, detail).header(RETRY_AFTER, seconds)
    }

    /// The answer to a request for which no unit was left.
    pub(crate) fn refused(self) -> Response {
        let mut response = self.problem().into_response();
        self.describe(response.headers_mut());
        response
    }

    /// Adds the headers with the budget and what is left of it.
    pub(crate) fn describe(self, headers: &mut HeaderMap) {
        let Self { rate, taken, .. } = self;
        let (name, burst) = (self.budget.name(), rate.burst);
        let window = u64::from(burst.get()).div_ceil(rate.per_second.get().into());
        let policy = format!("\"{name}\";q={burst};w={window}");
        let left = format!("\"{name}\";r={};t={}", taken.remaining, seconds(taken.full_after));
        for (header, text) in [(POLICY, policy), (LIMIT, left)] {
            headers.insert(header, HeaderValue::try_from(text).expect("visible ASCII"));
        }
    }
}

impl Budget {
    /// The name of the budget in the headers.
    const fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
        }
    }
}

/// Whole seconds, rounded up: a client that waits this long never comes too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::num::NonZeroU32;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use http::HeaderMap;

    use persona_storage::Party;

    use super::{Budget, Counted, Rate, RateCells, RateLimits, Taken};
    use crate::contract::OperationId;

    /// Cells that record the calls, and always give the same answer.
    struct Asked(Mutex<Vec<(Party, Budget)>>, Taken);

    impl RateCells for Asked {
        fn take(&self, party: Party, budget: Budget, _: Rate) -> Taken {
            self.0.lock().expect("not poisoned").push((party, budget));
            self.1
        }

        fn look(&self, _: Party, _: Budget, _: Rate) -> Taken {
            self.1
        }
    }

    fn rate(per_second: u32, burst: u32) -> Rate {
        let number = |number| NonZeroU32::new(number).expect("not zero");
        Rate { per_second: number(per_second), burst: number(burst) }
    }

    const CLIENT: Party = Party::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

    #[test]
    fn a_request_counts_by_its_class_and_what_has_no_class_does_not() {
        let taken = Taken {
            is_within: false,
            remaining: 0,
            full_after: Duration::from_millis(4_200),
            retry_after: Duration::from_millis(200),
        };
        let cells = Arc::new(Asked(Mutex::default(), taken));
        let limits = RateLimits {
            reads: Some(rate(5, 21)),
            writes: Some(rate(1, 1)),
            cells: Some(cells.clone()),
        };
        let all: Vec<Option<Counted>> = [
            OperationId::GetPersona,
            OperationId::ListPersonas,
            OperationId::BatchPersonas,
            OperationId::GetHealth,
            OperationId::GetReadiness,
            OperationId::GetMetrics,
        ]
        .map(|operation| limits.count(operation, Some(CLIENT)))
        .into();
        let asked = cells.0.lock().expect("not poisoned").clone();
        let (reads, writes) = ((CLIENT, Budget::Reads), (CLIENT, Budget::Writes));
        assert_eq!(asked, [reads, reads, writes]);
        assert!(all[3..].iter().all(Option::is_none));
        let counted = all[0].expect("counted");
        let mut headers = HeaderMap::new();
        counted.describe(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"reads\";q=21;w=5");
        assert_eq!(headers["ratelimit"], "\"reads\";r=0;t=5");
        let problem = counted.refusal().expect("refused");
        assert_eq!(problem.detail(), "this client may make 5 reads a second, and 21 at once");
        // Without limits, and for requests of the process itself, nothing is counted.
        let none = RateLimits { reads: None, ..limits.clone() };
        assert_eq!(none.count(OperationId::GetPersona, Some(CLIENT)), None);
        assert_eq!(limits.count(OperationId::GetPersona, None), None);
        assert_eq!(RateLimits::default().count(OperationId::GetPersona, Some(CLIENT)), None);
    }
}
