//! Which message something is done to, and what.

/// The side that sends a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    Client,
    Server,
}

/// What is done to a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The connection is cut, and the message never arrives.
    Before,
    /// The message arrives, and then the connection is cut: whatever answers it is lost.
    After,
    /// The message does not arrive, nothing after it does in either direction, and neither side
    /// hears that this is so.
    Silence,
    /// The server never sees the message, and the client is told that the statement failed with
    /// this code.
    Fails(&'static str),
    /// The client is told this code instead, as the last word of the connection.
    Ends(&'static str),
}

/// Which message something is done to.
#[derive(Clone, Debug)]
pub struct Trap {
    /// Only connections count on which the client said this: at their start, or in this message or
    /// one before it since the trap was armed. Nothing means every connection.
    pub marker: Vec<u8>,
    pub sender: Sender,
    /// The letter of the protocol; every message when it is not said.
    pub kind: Option<u8>,
    /// How many that count are let through before.
    pub after: u64,
    /// What is done to it.
    pub fault: Fault,
    /// Whether the same is done to each that follows, on any connection.
    pub lasts: bool,
}

impl Trap {
    /// For the first message of a kind.
    pub fn at(sender: Sender, kind: u8, fault: Fault) -> Self {
        Self { marker: Vec::new(), sender, kind: Some(kind), after: 0, fault, lasts: false }
    }

    /// For the n-th message of whatever kind, from 0.
    pub fn nth(sender: Sender, after: u64, fault: Fault) -> Self {
        Self { marker: Vec::new(), sender, kind: None, after, fault, lasts: false }
    }

    /// Only on connections on which the client says this.
    #[must_use]
    pub fn of(mut self, marker: &str) -> Self {
        self.marker = marker.into();
        self
    }

    /// Again and again.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.lasts = true;
        self
    }
}
