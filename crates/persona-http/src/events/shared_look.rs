//! A look at the store that many followers need at the same time: one of them looks for all, and
//! each gets what is as new as a look of its own would be.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

/// What a look found; `None` where it failed.
type Look<T> = OnceCell<Option<Arc<T>>>;

/// How often a look lets further askers come first: those that are woken at one time come at once,
/// and a look is not put off for ever where others come all the time.
const YIELDS_MAX: usize = 16;

/// Looks that are shared.
pub(super) struct SharedLook<T> {
    /// The look that has not begun yet. One that has begun may find what is older than a question
    /// that comes now, so it is not shared any more.
    next: Mutex<Option<Arc<Look<T>>>>,
}

impl<T> SharedLook<T> {
    pub(super) const fn new() -> Self {
        Self { next: Mutex::new(None) }
    }

    /// What a look finds that begins after this call: that of `look`, or of another caller that
    /// looks at the same.
    pub(super) async fn ask<E, F>(&self, look: impl Fn() -> F) -> Result<Arc<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let joined = Arc::clone(self.next().get_or_insert_default());
        let found = joined.get_or_init(async || {
            // Others that were woken by the same event ask before the look begins. They wait for
            // it here, where only the first one of them looks around.
            let mut askers = 0;
            for _ in 0..YIELDS_MAX {
                if askers == Arc::strong_count(&joined) {
                    break;
                }
                askers = Arc::strong_count(&joined);
                // The end of a task that waits behind them, on the one thread of a worker.
                // `yield_now` would not do: the connection of the asker polls its answer more than
                // once.
                let _ = tokio::spawn(async {}).await;
            }
            self.next().take_if(|next| Arc::ptr_eq(next, &joined));
            look().await.ok().map(Arc::new)
        });
        match found.await {
            Some(found) => Ok(Arc::clone(found)),
            // Each caller gets an error of its own.
            None => look().await.map(Arc::new),
        }
    }

    fn next(&self) -> std::sync::MutexGuard<'_, Option<Arc<Look<T>>>> {
        // A poisoned lock can be used: no code panics while it is held.
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::task::{Context, Poll, Waker};

    use tokio::sync::{oneshot, watch};
    use tokio::task::yield_now;

    use super::SharedLook;

    #[tokio::test]
    async fn those_that_ask_together_look_once() {
        let (shared, looks) = (SharedLook::new(), Cell::new(0_u32));
        let ask = || async {
            let look = || async {
                looks.set(looks.get() + 1);
                yield_now().await;
                Ok::<_, ()>(looks.get())
            };
            shared.ask(look).await.map(|found| *found)
        };
        let found = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
        assert_eq!(found, (Ok(1), Ok(1), Ok(1), Ok(1), Ok(1), Ok(1), Ok(1), Ok(1)));
        assert_eq!(ask().await, Ok(2), "what was found is not kept for later");
    }

    /// Polls a future twice each time, as a connection polls the body of its answer.
    async fn polled_twice<F: Future>(future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|task| match future.as_mut().poll(task) {
            Poll::Pending => future.as_mut().poll(task),
            ready @ Poll::Ready(_) => ready,
        })
        .await
    }

    #[tokio::test]
    async fn hundreds_that_are_woken_together_look_once() {
        let (shared, looks) = (Arc::new(SharedLook::new()), Arc::new(AtomicU32::new(0)));
        let (news, _) = watch::channel(());
        let ask = |_| {
            let (shared, looks, mut news) =
                (Arc::clone(&shared), Arc::clone(&looks), news.subscribe());
            tokio::spawn(async move {
                news.changed().await.expect("there is news");
                let look = async || Ok::<_, ()>(looks.fetch_add(1, Relaxed) + 1);
                polled_twice(shared.ask(look)).await.map(|found| *found)
            })
        };
        let asking: Vec<_> = (0..1_000).map(ask).collect();
        yield_now().await;
        news.send_replace(());
        for one in asking {
            assert_eq!(one.await.expect("it ends"), Ok(1));
        }
    }

    #[tokio::test]
    async fn a_look_that_has_begun_is_not_shared_with_those_that_ask_later() {
        let (shared, state) = (SharedLook::new(), Cell::new("before"));
        let has_begun = Cell::new(false);
        let (go_on, goes_on) = oneshot::channel::<()>();
        let goes_on = Cell::new(Some(goes_on));
        let slow = || async {
            let found = state.get();
            has_begun.set(true);
            if let Some(goes_on) = goes_on.take() {
                goes_on.await.expect("it is told");
            }
            Ok::<_, ()>(found)
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut early = pin!(shared.ask(slow));
        // Up to the middle of the look.
        while !has_begun.get() {
            assert!(early.as_mut().poll(&mut context).is_pending());
            yield_now().await;
        }
        state.set("after");
        let mut late = pin!(shared.ask(slow));
        while late.as_mut().poll(&mut context).is_pending() {
            yield_now().await;
        }
        assert_eq!(shared.ask(slow).await.as_deref(), Ok(&"after"));
        go_on.send(()).expect("it is awaited");
        let Poll::Ready(found) = early.as_mut().poll(&mut context) else { panic!("it waits") };
        assert_eq!(found.as_deref(), Ok(&"before"));
    }

    #[tokio::test]
    async fn after_a_look_that_failed_each_looks_for_itself() {
        let (shared, looks) = (SharedLook::<()>::new(), Cell::new(0_u32));
        let ask = || async {
            let look = || async {
                looks.set(looks.get() + 1);
                Err::<(), _>("away")
            };
            shared.ask(look).await
        };
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((first, second), (Err("away"), Err("away")));
        assert_eq!(looks.get(), 3);
    }
}
