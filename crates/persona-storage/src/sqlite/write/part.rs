//! Parts of a large text on their way to the index, each in a transaction of its own.
//!
//! A part takes its turn in the queue like a heavy write, so a light write waits for one part at
//! most. What is written here belongs to no persona until the document itself is written
//! (`search/parts.rs`).

use std::ops::{ControlFlow, Range};

use persona_model::Document;
use tokio::sync::oneshot;

use super::alone::alone;
use super::commit::WriteConnection;
use super::queue::{LIGHT_BYTES_MAX, Size};
use super::write_lock::WriteLock;
use crate::sqlite::error::from_driver;
use crate::sqlite::search;
use crate::sqlite::system_error::explained;
use crate::{Error, Loss};

/// A part that waits in the queue.
pub(crate) struct Part {
    pub document: Document,
    /// The range of the part in the words of the texts.
    pub words: Range<usize>,
    /// Gets the number of the part.
    pub reply: oneshot::Sender<Result<i64, Error>>,
}

impl Part {
    /// The size of a part in the queue. A part has its own transaction, like a heavy write.
    pub(super) fn size(&self) -> Size {
        let bytes = self.words.len();
        Size { bytes, cost: bytes.max(LIGHT_BYTES_MAX + 1) }
    }

    pub(super) fn answer(self, result: Result<i64, Error>) {
        // A request that no longer waits needs no answer; the maintenance process removes the part.
        let _ = self.reply.send(result);
    }

    /// Writes the part. Breaks when nothing more may be written through this connection.
    pub(super) fn serve(
        self,
        write_lock: &WriteLock,
        connection: &mut WriteConnection,
    ) -> ControlFlow<Loss> {
        if self.reply.is_closed() {
            return ControlFlow::Continue(());
        }
        let words = &self.document.text_words().as_str()[self.words.clone()];
        let (result, flow) = alone(write_lock, connection, |transaction| {
            search::put_part(transaction, None, words)
                .map_err(|error| from_driver(explained(transaction, error)))
        });
        self.answer(result);
        flow
    }
}
