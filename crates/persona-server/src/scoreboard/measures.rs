//! The histograms of each entry: one table of names, units and help texts.
//!
//! A new histogram is a variant of [`Measure`] and a row of [`MEASURES`].

/// One histogram of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// How long writers waited for the write lock.
    WriteLockWait,
    /// How long writers held the write lock.
    WriteLockHold,
    /// How long transactions took.
    Transaction,
    /// How many writes transactions carried.
    TransactionWrites,
    /// How long writes waited in the queue.
    QueueWait,
    /// How long checkpoints took.
    Checkpoint,
    /// How long requests waited for a connection to the database server.
    DatabaseWait,
}

/// The unit of the values in a histogram's cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    /// Exported as seconds.
    Micros,
    /// Exported unchanged.
    Count,
}

/// One line of the table of measures.
pub(super) struct MeasureRow {
    pub measure: Measure,
    pub name: &'static str,
    pub help: &'static str,
    pub unit: Unit,
}

const fn measure(
    measure: Measure,
    unit: Unit,
    name: &'static str,
    help: &'static str,
) -> MeasureRow {
    MeasureRow { measure, name, help, unit }
}

/// Every measure, in the order of [`Measure`].
pub(super) const MEASURES: [MeasureRow; 7] = [
    measure(
        Measure::WriteLockWait,
        Unit::Micros,
        "persona_write_lock_wait_seconds",
        "How long writers waited for the write lock.",
    ),
    measure(
        Measure::WriteLockHold,
        Unit::Micros,
        "persona_write_lock_hold_seconds",
        "How long writers held the write lock.",
    ),
    measure(
        Measure::Transaction,
        Unit::Micros,
        "persona_transaction_seconds",
        "Time from BEGIN to the end of COMMIT.",
    ),
    measure(
        Measure::TransactionWrites,
        Unit::Count,
        "persona_transaction_writes",
        "Writes in one transaction.",
    ),
    measure(
        Measure::QueueWait,
        Unit::Micros,
        "persona_write_queue_wait_seconds",
        "How long writes waited for their transaction.",
    ),
    measure(
        Measure::Checkpoint,
        Unit::Micros,
        "persona_checkpoint_seconds",
        "How long checkpoints took.",
    ),
    measure(
        Measure::DatabaseWait,
        Unit::Micros,
        "persona_database_connection_wait_seconds",
        "How long requests waited for a connection to the database server, whether or not they \
         got one.",
    ),
];

#[cfg(test)]
mod tests {
    use super::MEASURES;

    #[test]
    fn the_table_is_in_the_order_of_the_histograms() {
        for (position, row) in MEASURES.iter().enumerate() {
            assert_eq!(row.measure as usize, position, "{}", row.name);
        }
    }
}
