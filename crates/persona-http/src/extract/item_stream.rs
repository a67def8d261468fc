//! The body of a batch as a stream: its items are read while others of them are written.
//!
//! The bytes of items that are read and not yet answered are bounded: beyond the bound the body is
//! not read further, and its client waits. A small batch is read to its end before its first item
//! is done, so that a small body that is no batch changes nothing.

use std::sync::Arc;

use axum::body::Body;
use http::HeaderMap;
use http::request::Parts;
use persona_model::{PersonaId, read_strictly};
use tokio::sync::{mpsc, watch};

use super::batch::{BatchItem, item};
use super::body::{BODY_PATIENCE, announced, drain, next_piece, too_large};
use super::item_scanner::{ITEM_BYTES_MAX, ItemScanner, RawItem, moved};
use crate::Context;
use crate::aside::on_a_thread;
use crate::auth::{credentials, permit_still};
use crate::contract::batch::{BATCH_BYTES_MAX, WHOLE_BATCH_BYTES_MAX};
use crate::limits::body_memory::{Claim, SMALL_BYTES_MAX};
use crate::limits::heavy::Weight;
use crate::limits::patience::Patience;
use crate::problem::{Code, Problem};
use persona_storage::Party;

/// Most bytes of items of one batch that are read and not answered: some hundred ordinary personas,
/// more than are written at the same time. A single item may be larger, and the last piece of the
/// body is not counted.
const UNANSWERED_BYTES_MAX: usize = 1024 * 1024;

/// An item that was read, good or bad.
pub(crate) struct StreamedItem {
    /// The bytes that the item counts until it is answered.
    pub bytes: usize,
    pub item: Result<BatchItem, Problem>,
}

/// What comes out of the stream.
pub(crate) enum Step {
    /// The next items, in their order.
    Items(Vec<StreamedItem>),
    /// From now on items may be written. Sent once, unless the body is refused before.
    Begin,
}

/// The body of a batch, with the memory that is reserved for it until the value is dropped.
pub(crate) struct ItemStream {
    context: Arc<Context>,
    client: Option<Party>,
    body: Body,
    has_key: bool,
    credentials: HeaderMap,
    /// Whether the client was waited for since it was last asked whether its token counts.
    was_awaited: bool,
    patience: Patience,
    claim: Option<Claim>,
    scanner: ItemScanner,
    received: usize,
    items: usize,
    unanswered: watch::Sender<usize>,
}

impl ItemStream {
    /// Makes the stream of a request. With `has_key` each item has a key.
    ///
    /// # Errors
    ///
    /// The body is larger than a batch may be. It is then read and dropped for a while.
    pub fn new(
        context: Arc<Context>,
        parts: &Parts,
        body: Body,
        has_key: bool,
    ) -> Result<Self, Problem> {
        let announced = announced(&parts.headers, BATCH_BYTES_MAX)?;
        if let Some(bytes) = announced.filter(|bytes| *bytes > BATCH_BYTES_MAX) {
            refuse(body);
            return Err(too_large(BATCH_BYTES_MAX, Some(bytes)));
        }
        Ok(Self {
            context,
            client: parts.extensions.get().copied(),
            body,
            has_key,
            credentials: credentials(&parts.headers),
            was_awaited: false,
            patience: Patience::new(BODY_PATIENCE),
            claim: None,
            scanner: ItemScanner::default(),
            received: 0,
            items: 0,
            unanswered: watch::Sender::new(0),
        })
    }

    /// The count of bytes of unanswered items, from which the receiver subtracts the items that it
    /// answers.
    pub fn unanswered(&self) -> watch::Sender<usize> {
        self.unanswered.clone()
    }

    /// Reads the body to its end, and sends its items. The sender is dropped after the last item.
    ///
    /// # Errors
    ///
    /// The body broke off or is no batch; the items before were sent.
    pub async fn send(&mut self, to: mpsc::Sender<Step>) -> Result<(), Problem> {
        let read = self.read(&to).await;
        if read.is_err() {
            refuse(std::mem::take(&mut self.body));
        }
        read
    }

    async fn read(&mut self, to: &mpsc::Sender<Step>) -> Result<(), Problem> {
        let mut has_begun = false;
        let mut unanswered = self.unanswered.subscribe();
        loop {
            if has_begun {
                // The wait cannot fail, because this stream holds a sender of the channel.
                let _ = unanswered.wait_for(|bytes| *bytes < UNANSWERED_BYTES_MAX).await;
            }
            let (patience, claim) = (&mut self.patience, self.claim.as_mut());
            let piece = next_piece(&mut self.body, patience, claim, &mut self.was_awaited);
            let Some(piece) = piece.await? else { break };
            self.received += piece.len();
            if self.received > BATCH_BYTES_MAX {
                return Err(too_large(BATCH_BYTES_MAX, None));
            }
            if has_begun {
                self.check_token().await?;
            }
            let mut items = Vec::new();
            let framed = self.scanner.push(&piece, &mut items);
            drop(piece);
            self.pass_on(items, to).await?;
            framed?;
            if !has_begun && self.received > WHOLE_BATCH_BYTES_MAX {
                self.check_token().await?;
                has_begun = true;
                pass(to, Step::Begin).await;
            }
        }
        self.scanner.finish()?;
        self.claim.as_mut().map_or(Ok(()), Claim::complete)?;
        if !has_begun {
            self.check_token().await?;
            pass(to, Step::Begin).await;
        }
        Ok(())
    }

    /// Checks whether the client is still let in, if it was waited for: a body may come in for an
    /// hour, and what comes after the end of its token changes nothing.
    async fn check_token(&mut self) -> Result<(), Problem> {
        if std::mem::take(&mut self.was_awaited) {
            permit_still(&self.context, &self.credentials).await?;
        }
        Ok(())
    }

    /// Reads items that were received, and sends them. If one is no JSON, the items before it are
    /// still sent.
    async fn pass_on(&mut self, raw: Vec<RawItem>, to: &mpsc::Sender<Step>) -> Result<(), Problem> {
        let bytes = raw.iter().map(memory_of).sum();
        self.hold(bytes)?;
        if raw.is_empty() {
            return Ok(());
        }
        let (context, first) = (Arc::clone(&self.context), self.items);
        self.items += raw.len();
        let (has_key, weight) = (self.has_key, Weight::of(bytes));
        let (items, read) = if weight == Weight::Light {
            read_all(&context, raw, first, has_key)
        } else {
            let (client, deadline) = (self.client, context.write_deadline());
            let turn = self.context.heavy.take(weight, client, deadline).await?;
            let work = on_a_thread(move || {
                let read = read_all(&context, raw, first, has_key);
                drop(turn);
                read
            })?;
            let lost = |_| Problem::new(Code::Internal, "the body could not be worked on");
            work.await.map_err(lost)?
        };
        if !items.is_empty() {
            let bytes: usize = items.iter().map(|item| item.bytes).sum();
            self.unanswered.send_modify(|unanswered| *unanswered += bytes);
            pass(to, Step::Items(items)).await;
        }
        read
    }

    /// Reserves memory for the items that are not answered, for this many bytes that will be read,
    /// and for the received part of the next item.
    fn hold(&mut self, coming: usize) -> Result<(), Problem> {
        let held = self.scanner.memory() + coming + *self.unanswered.borrow();
        if self.claim.is_none() && held <= SMALL_BYTES_MAX {
            return Ok(());
        }
        let claim = || self.context.bodies.claim(self.client);
        self.claim.get_or_insert_with(claim).arrived(self.received, held)
    }
}

/// Reads a body on that is refused, as far as it could have been accepted.
pub(crate) fn refuse(body: Body) {
    drain(body, BATCH_BYTES_MAX);
}

fn memory_of(item: &RawItem) -> usize {
    item.text.as_ref().map_or(0, Vec::len)
}

/// Reads items, of which the first has this place, until one is no JSON.
fn read_all(
    context: &Context,
    raw: Vec<RawItem>,
    first: usize,
    has_key: bool,
) -> (Vec<StreamedItem>, Result<(), Problem>) {
    let mut items = Vec::with_capacity(raw.len());
    for (place, raw) in (first..).zip(raw) {
        let bytes = memory_of(&raw);
        let read = match raw.text {
            None => Err(item_too_large(raw.bytes)),
            Some(text) => match read_strictly(&text) {
                Ok(value) => item(value, has_key, || PersonaId::new(context.new_id())),
                Err(malformed) => {
                    return (items, Err(moved(malformed, &format!("/items/{place}"), raw.at)));
                }
            },
        };
        items.push(StreamedItem { bytes, item: read });
    }
    (items, Ok(()))
}

fn item_too_large(bytes: usize) -> Problem {
    let detail = format!("an item may have {ITEM_BYTES_MAX} bytes, this one has {bytes}");
    Problem::new(Code::BodyTooLarge, detail).with(|body| {
        (body.body_bytes, body.body_bytes_max) = (Some(bytes), Some(ITEM_BYTES_MAX));
    })
}

async fn pass(to: &mpsc::Sender<Step>, step: Step) {
    // The receiver is dropped only with the request, which drops this future too.
    let _ = to.send(step).await;
}
