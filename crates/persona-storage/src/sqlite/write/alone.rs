//! Runs work in a separate transaction: begun behind the write lock, committed, and judged.

use std::ops::ControlFlow;

use super::commit::{WriteConnection, WriteTransaction};
use super::verdict::Verdict;
use super::write_lock::WriteLock;
use super::writer_thread::check_schema;
use crate::sqlite::error::from_driver;
use crate::{Error, Loss};

/// Does the work in a transaction, and returns the result. If the work fails, nothing of it is
/// kept. Breaks when nothing more may be written through this connection.
pub(super) fn alone<T>(
    write_lock: &WriteLock,
    connection: &mut WriteConnection,
    work: impl FnOnce(&WriteTransaction<'_>) -> Result<T, Error>,
) -> (Result<T, Error>, ControlFlow<Loss>) {
    let going_on = |error| (Err(error), ControlFlow::Continue(()));
    let _guard = match write_lock.lock() {
        Ok(guard) => guard,
        Err(error) => return going_on(Error::Backend(Box::new(error))),
    };
    let transaction = match connection.begin() {
        Ok(transaction) => transaction,
        Err(error) => return going_on(from_driver(error)),
    };
    if let Err((error, loss)) = check_schema(&transaction) {
        return (Err(error), loss.map_or(ControlFlow::Continue(()), ControlFlow::Break));
    }
    let (result, flow) = match work(&transaction) {
        Ok(done) => Verdict::of(transaction.commit()).judge(done),
        Err(error) => {
            let (never, flow) = Verdict::given_up(transaction, error).judge(());
            (Err(never.expect_err("what was given up has an error")), flow)
        }
    };
    if flow.is_continue() && !connection.is_autocommit() {
        tracing::error!("a transaction could not be ended; this writer stops, which undoes it");
        return (result, ControlFlow::Break(Loss::Writer));
    }
    (result, flow)
}
