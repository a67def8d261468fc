//! Tests of which connections make room and which do not leave, with simulated time.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use persona_storage::Party;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;
use uuid::Uuid;

use super::entry::{BUSY_MS_MIN, HEAD_GRACE_MS};
use super::table::{LEAVING_MS_MAX, LEAVING_SOON_MS};
use super::{LEAVING_MAX, Lease, Limits, Places, RESERVE, WAITING_MAX};
use crate::heads::{Checked, Hosts};
use crate::scoreboard::Scoreboard;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const IDLE: Duration = Duration::from_secs(30);

thread_local! {
    /// The time of one test, which runs on a thread of its own.
    static NOW: Cell<u64> = const { Cell::new(1_000_000) };
}

/// Lets this many milliseconds pass.
fn pass(millis: u64) {
    NOW.set(NOW.get() + millis);
}

fn shared(count: usize, percent_of_one: usize) -> Arc<Places> {
    let limits = Limits { places: count, percent_of_one, idle: IDLE, proxies: Arc::default() };
    Places::new(limits, Scoreboard::create().expect("a scoreboard").entry(1, 1), || NOW.get())
}

fn places(count: usize) -> Arc<Places> {
    shared(count, 100)
}

/// A connection with its client.
struct Connection {
    lease: Lease,
    client: DuplexStream,
    stream: Checked<DuplexStream>,
}

impl Connection {
    /// A connection from which no byte has arrived.
    fn fresh(lease: Lease) -> Self {
        let (client, served) = duplex(64 * 1024);
        let stream = Checked::new(served, Arc::clone(&lease.entry.progress), Hosts::any());
        Self { lease, client, stream }
    }

    /// A connection with a request that is being answered.
    async fn asking(lease: Lease) -> Self {
        let mut connection = Self::fresh(lease);
        connection.send(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await;
        connection
    }

    /// A connection that has just had an answer.
    async fn answered(lease: Lease) -> Self {
        let connection = Self::asking(lease).await;
        connection.lease.entry.progress.note_answer();
        connection
    }

    /// A connection that waits for a body that is never sent.
    async fn sending(lease: Lease) -> Self {
        let mut connection = Self::fresh(lease);
        connection.begin_body().await;
        connection
    }

    fn is_cut_off(&self) -> bool {
        self.lease.entry.is_cut_off()
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).await.expect("an open stream");
        let mut buffer = [0; 1024];
        // Read until nothing is left; then the stream finds out that it waits.
        while timeout(Duration::from_millis(1), self.stream.read(&mut buffer)).await.is_ok() {}
    }

    /// Begins a request and never sends its body.
    async fn begin_body(&mut self) {
        self.send(b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{").await;
    }
}

/// Makes as many connections leave as allowed, all of them in the middle of a body.
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
    assert!(places.take(PEER).is_none(), "those that were told just now may close at any moment");
    pass(LEAVING_SOON_MS);
    let next = places.take(PEER).expect("a place of the reserve");
    // The request waits for an ordinary place, until a leaving connection is cut off.
    assert!(next.entry.is_reserved() && !places.promote(&next.entry));
    assert!(!leaving.iter().any(Connection::is_cut_off));
    pass(LEAVING_MS_MAX);
    assert!(!places.promote(&next.entry) && !places.promote(&next.entry), "nothing has closed yet");
    let cut_off: Vec<usize> = (0..leaving.len()).filter(|at| leaving[*at].is_cut_off()).collect();
    assert_eq!(cut_off.len(), 1, "one at a time");
    drop(leaving.swap_remove(cut_off[0]));
    assert!(places.promote(&next.entry));
}

#[tokio::test]
async fn the_reserve_makes_room_also_while_others_leave_and_up_to_a_bound() {
    let places = places(1);
    let (_leaving, _last) = leaving_busy(&places).await;
    pass(LEAVING_SOON_MS);
    let mut held = Vec::new();
    for _ in 0..2 * RESERVE {
        let mut connection = Connection::fresh(places.take(PEER).expect("a place of the reserve"));
        // No byte arrives, so the connection waits only for its client.
        let _ = timeout(Duration::ZERO, connection.stream.read(&mut [0; 16])).await;
        held.push(connection);
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
    let closed = |held: &[Connection]| {
        held.iter().filter(|connection| connection.lease.entry.is_to_close()).count()
    };
    assert_eq!(closed(&held), 0, "they may be used this moment");
    pass(LEAVING_SOON_MS);
    drop(places.take(PEER));
    assert_eq!(closed(&held), LEAVING_MAX);
    assert!(!held.iter().any(Connection::is_cut_off), "none is in the middle of anything");
}

/// The address of a client with this number.
fn client(number: u8) -> IpAddr {
    [10, 0, 0, number].into()
}

/// Takes all four places: three for requests of one client that do not end, and one for an idle
/// connection of another client. Of the three, the first request waits for the server; the second
/// and third began later and wait for their client.
async fn one_greedy_client(places: &Arc<Places>) -> ([Connection; 3], Connection) {
    let next = |number| places.take(client(number)).expect("a place");
    let modest = Connection::answered(next(2)).await;
    let working = Connection::asking(next(1)).await;
    pass(1);
    let sending = Connection::sending(next(1)).await;
    pass(1);
    ([working, sending, Connection::sending(next(1)).await], modest)
}

#[tokio::test]
async fn a_client_with_more_than_its_share_loses_a_busy_connection_and_no_other_client_loses_any() {
    let places = shared(4, 25);
    let (greedy, modest) = one_greedy_client(&places).await;
    let cut_off = || greedy.iter().map(Connection::is_cut_off).collect::<Vec<_>>();
    // Most requests end by themselves within this time.
    pass(BUSY_MS_MIN - 3);
    let waits = places.take(client(3)).expect("a place of the reserve");
    assert!(waits.entry.is_reserved() && !places.promote(&waits.entry));
    assert_eq!(cut_off(), [false; 3]);
    pass(3);
    assert!(places.promote(&waits.entry));
    assert_eq!(cut_off(), [false, true, false], "the body that has been awaited longest");
    let next = places.take(client(4)).expect("a place");
    assert_eq!(
        (next.entry.is_reserved(), cut_off()),
        (false, vec![false, true, true]),
        "bodies before work"
    );
    // The greedy client loses only what is above its share. Now all clients have their share, and
    // the idle connection makes room.
    assert!(modest.lease.entry.has_place());
    let last = places.take(client(5)).expect("a place");
    assert!(!last.entry.is_reserved() && !modest.lease.entry.has_place());
    assert_eq!(cut_off(), [false, true, true]);
    // A client that has its share makes room for its own new connection only by closing idle ones.
    assert!(places.take(client(1)).expect("a place of the reserve").entry.is_reserved());
}

#[tokio::test]
async fn the_control_a_client_within_its_share_keeps_its_busy_connections() {
    let places = shared(4, 75);
    let (greedy, modest) = one_greedy_client(&places).await;
    pass(BUSY_MS_MIN * 10);
    let next = places.take(client(3)).expect("a place");
    assert!(
        !next.entry.is_reserved() && !modest.lease.entry.has_place(),
        "the idle one makes room"
    );
    let next = places.take(client(4)).expect("a place of the reserve");
    assert!(next.entry.is_reserved() && !places.promote(&next.entry));
    assert!(!greedy.iter().any(Connection::is_cut_off));
}

#[tokio::test]
async fn requests_one_after_the_other_without_a_pause_count_as_one_that_does_not_end() {
    let places = shared(2, 50);
    let mut greedy = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::asking(places.take(client(1)).expect("a place")).await;
        // The next head arrives before the answer, so the connection is never idle.
        connection.send(b"GET /b HTTP/1.1\r\nhost: a\r\n\r\n").await;
        greedy.push(connection);
    }
    pass(BUSY_MS_MIN - 1);
    for connection in &greedy {
        connection.lease.entry.progress.note_answer();
    }
    assert!(places.take(client(2)).expect("a place of the reserve").entry.is_reserved());
    pass(1);
    assert!(!places.take(client(2)).expect("a place").entry.is_reserved());
    assert_eq!(greedy.iter().filter(|connection| connection.is_cut_off()).count(), 1);
}

#[tokio::test]
async fn half_heads_go_before_what_is_idle_also_of_a_client_that_holds_more() {
    let places = places(3);
    let mut idle = Vec::new();
    for _ in 0..2 {
        idle.push(Connection::answered(places.take(client(1)).expect("a place")).await);
    }
    let mut half = Connection::fresh(places.take(client(2)).expect("a place"));
    half.send(b"GET /a HTTP/1.1\r\nho").await;
    pass(HEAD_GRACE_MS);
    assert!(!places.take(client(3)).expect("a place").entry.is_reserved());
    assert!(!half.lease.entry.has_place());
    assert!(idle.iter().all(|connection| connection.lease.entry.has_place()));
}

#[tokio::test]
async fn a_client_that_has_its_share_leaves_waiting_room_to_others() {
    let places = shared(1, 100);
    let _busy = Connection::asking(places.take(client(1)).expect("a place")).await;
    let greedy: Vec<Lease> =
        (0..WAITING_MAX).map(|_| places.take(client(1)).expect("a place of the reserve")).collect();
    let other = places.take(client(2)).expect("a place of the reserve");
    // A wait that has begun lasts while its future is held; a refused one returns at once.
    let mut waits: Vec<_> =
        greedy.iter().map(|lease| Box::pin(lease.has_ordinary_place())).collect();
    let mut waiting = 0;
    for wait in &mut waits {
        match timeout(Duration::ZERO, wait).await {
            Ok(has_place) => assert!(!has_place),
            Err(_) => waiting += 1,
        }
    }
    assert_eq!(waiting, WAITING_MAX / 2);
    assert!(
        timeout(Duration::ZERO, other.has_ordinary_place()).await.is_err(),
        "there is room for it to wait"
    );
}

#[tokio::test]
async fn a_client_that_is_turned_away_again_and_again_does_not_close_the_door_to_others() {
    let (greedy, other) = (PEER, IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    let places = shared(4, 50);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(Connection::sending(places.take(greedy).expect("a place")).await);
    }
    pass(BUSY_MS_MIN);
    // The client fills the reserve, and makes as many connections of the reserve leave as allowed.
    for _ in 0..2 * RESERVE {
        let mut connection =
            Connection::fresh(places.take(greedy).expect("a place of the reserve"));
        let _ = timeout(Duration::ZERO, connection.stream.read(&mut [0; 16])).await;
        held.push(connection);
    }
    let lease = places.take(other).expect("a place");
    assert!(!lease.entry.is_reserved(), "one that has been busy for long makes room");
    assert_eq!(held.iter().filter(|connection| connection.is_cut_off()).count(), 1);
}

/// The token with this number.
fn token(number: u128) -> Party {
    Party::Token(Uuid::from_u128(number))
}

/// Takes all four places for bodies that are never sent, each from an address of its own, with the
/// tokens of these numbers; lets so much time pass that such a request can be broken off.
async fn four_addresses(places: &Arc<Places>, tokens: [u128; 4]) -> Vec<Connection> {
    let mut held = Vec::new();
    for (address, number) in (1..).zip(tokens) {
        let lease = places.take(client(address)).expect("a place");
        places.note_token(&lease.entry, token(number));
        held.push(Connection::sending(lease).await);
        pass(1);
    }
    pass(BUSY_MS_MIN);
    held
}

fn cut_off(held: &[Connection]) -> Vec<bool> {
    held.iter().map(Connection::is_cut_off).collect()
}

#[tokio::test]
async fn one_token_behind_many_addresses_is_one_client() {
    let places = shared(4, 50);
    let held = four_addresses(&places, [1, 1, 1, 2]).await;
    let newcomer = places.take(client(9)).expect("a place");
    assert!(!newcomer.entry.is_reserved());
    assert_eq!(cut_off(&held), [true, false, false, false], "the body that is awaited longest");
    // Now each token has its share, and an address more than one connection of a token.
    assert!(places.take(client(9)).expect("a place of the reserve").entry.is_reserved());
    assert_eq!(cut_off(&held), [true, false, false, false]);
}

#[tokio::test]
async fn the_control_addresses_with_tokens_of_their_own_are_many_clients() {
    let places = shared(4, 50);
    let held = four_addresses(&places, [1, 2, 3, 4]).await;
    assert!(places.take(client(9)).expect("a place of the reserve").entry.is_reserved());
    assert_eq!(cut_off(&held), [false; 4]);
}

#[tokio::test]
async fn an_address_that_uses_a_token_is_no_other_client_than_the_token() {
    let places = shared(4, 50);
    let held = four_addresses(&places, [1, 1, 1, 1]).await;
    assert!(places.take(client(2)).expect("a place of the reserve").entry.is_reserved());
    assert_eq!(cut_off(&held), [false; 4], "a client breaks off no request of its own");
    // The client has its share, so it makes room for itself only.
    let places = shared(4, 50);
    let _of_token = {
        let mut of_token = Vec::new();
        for number in 1..=2 {
            let lease = places.take(client(number)).expect("a place");
            places.note_token(&lease.entry, token(1));
            of_token.push(Connection::sending(lease).await);
        }
        of_token
    };
    let mut idle = Vec::new();
    for number in 3..=4 {
        idle.push(Connection::answered(places.take(client(number)).expect("a place")).await);
    }
    assert!(places.take(client(1)).expect("a place of the reserve").entry.is_reserved());
    assert!(idle.iter().all(|connection| connection.lease.entry.has_place()));
}

#[tokio::test]
async fn a_connection_counts_for_its_newest_token_and_its_place_is_given_back() {
    let places = shared(4, 50);
    let lease = places.take(client(1)).expect("a place");
    let held = |party| places.lock().held_by(party);
    for number in [1, 1, 2] {
        places.note_token(&lease.entry, token(number));
        let counts = [held(token(number)), held(token(3 - number)), held(client_party(1))];
        assert_eq!(counts, [1, 0, 1]);
    }
    drop(lease);
    assert_eq!([held(token(1)), held(token(2)), held(client_party(1))], [0; 3]);
    // A connection of the reserve counts once it has an ordinary place.
    let places = shared(1, 50);
    let busy = Connection::asking(places.take(client(1)).expect("a place")).await;
    let waits = places.take(client(2)).expect("a place of the reserve");
    places.note_token(&waits.entry, token(1));
    assert_eq!(places.lock().held_by(token(1)), 0);
    drop(busy);
    assert!(places.promote(&waits.entry));
    assert_eq!(places.lock().held_by(token(1)), 1);
}

fn client_party(number: u8) -> Party {
    Party::Address(client(number))
}
