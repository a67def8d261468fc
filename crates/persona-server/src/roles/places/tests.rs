//! Connections that make room and do not go.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{sleep, timeout};

use super::{LEAVING_MAX, Lease, Limits, Places, RESERVE};
use crate::heads::Checked;
use crate::shared_page::SharedPage;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DEADLINE: Duration = Duration::from_secs(30);

fn places(count: usize) -> Arc<Places> {
    let limits = Limits { places: count, percent_of_one: 100, idle: DEADLINE, proxies: Arc::default() };
    Places::new(limits, SharedPage::create().expect("a page").seat(1, 1))
}

/// A connection with its client.
struct Connection {
    lease: Lease,
    client: DuplexStream,
    stream: Checked<DuplexStream>,
}

impl Connection {
    /// One that has had an answer just now.
    async fn answered(lease: Lease) -> Self {
        let (client, served) = duplex(64 * 1024);
        let stream = Checked::new(served, Arc::clone(&lease.entry.progress));
        let mut connection = Self { lease, client, stream };
        connection.send(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await;
        connection.lease.entry.progress.note_answer();
        connection
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).await.expect("an open stream");
        let mut buffer = [0; 1024];
        // Until nothing is left, which is when the stream finds out that it waits.
        while timeout(Duration::from_millis(1), self.stream.read(&mut buffer)).await.is_ok() {}
    }

    /// Begins a request whose body never comes.
    async fn begin_body(&mut self) {
        self.send(b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{").await;
    }
}

/// Makes as many connections leave as may, all of them in the middle of a body.
async fn leaving_busy(places: &Arc<Places>) -> (Vec<Connection>, Lease) {
    let mut leaving = Vec::new();
    let mut last = Connection::answered(places.take(PEER).expect("a place")).await;
    while leaving.len() < LEAVING_MAX {
        let next = places.take(PEER).expect("one makes room");
        assert!(!next.entry.is_reserved() && !last.lease.entry.has_place());
        last.begin_body().await;
        leaving.push(last);
        last = Connection::answered(next).await;
    }
    (leaving, last.lease)
}

#[tokio::test]
async fn connections_that_make_room_and_never_end_do_not_close_the_door() {
    let places = places(1);
    let (mut leaving, _last) = leaving_busy(&places).await;
    let began = Instant::now();
    let next = loop {
        if let Some(lease) = places.take(PEER) {
            break lease;
        }
        assert!(began.elapsed() < DEADLINE, "no place, not even one of the reserve");
        sleep(Duration::from_millis(1)).await;
    };
    assert!(next.entry.is_reserved());
    // Its request waits for an ordinary place: in time one that makes room is cut off.
    let cut_off = loop {
        assert!(!places.promote(&next.entry), "nothing has closed yet");
        if let Some(at) = leaving.iter().position(|it| it.lease.entry.is_cut_off()) {
            break at;
        }
        assert!(began.elapsed() < DEADLINE, "none is cut off");
        sleep(Duration::from_millis(5)).await;
    };
    assert!(!places.promote(&next.entry));
    assert_eq!(leaving.iter().filter(|it| it.lease.entry.is_cut_off()).count(), 1, "one at a time");
    drop(leaving.swap_remove(cut_off));
    assert!(places.promote(&next.entry));
}

#[tokio::test]
async fn the_reserve_makes_room_also_while_others_leave_and_up_to_a_bound() {
    let places = places(1);
    let (_leaving, _last) = leaving_busy(&places).await;
    sleep(Duration::from_millis(300)).await;
    let mut held = Vec::new();
    for _ in 0..2 * RESERVE {
        let lease = places.take(PEER).expect("a place of the reserve");
        let (client, served) = duplex(64);
        let mut stream = Checked::new(served, Arc::clone(&lease.entry.progress));
        // Nothing comes: it waits for nothing but its client.
        let _ = timeout(Duration::ZERO, stream.read(&mut [0; 16])).await;
        held.push((lease, client, stream));
    }
    assert!(places.take(PEER).is_none());
    held.truncate(2 * RESERVE - 1);
    assert!(places.take(PEER).is_some());
}

#[tokio::test]
async fn connections_that_make_room_and_are_idle_are_closed_sooner_when_the_room_is_needed() {
    let places = places(1);
    let mut held = Vec::new();
    while let Some(lease) = places.take(PEER).filter(|lease| !lease.entry.is_reserved()) {
        held.push(Connection::answered(lease).await);
    }
    let began = Instant::now();
    while held.iter().filter(|it| it.lease.entry.is_to_close()).count() < LEAVING_MAX {
        drop(places.take(PEER));
        assert!(began.elapsed() < DEADLINE, "some are left open");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(held.iter().all(|it| !it.lease.entry.is_cut_off()), "none is in the middle of anything");
}
