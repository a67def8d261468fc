//! Traps: which message is met, and what is done to it.

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
    /// The server never gets the message, and the client gets an error of the statement with this
    /// code.
    Fails(&'static str),
    /// The client gets an error with this code instead, and the connection ends.
    Ends(&'static str),
}

/// A rule: which message is met, and what is done to it.
#[derive(Clone, Debug)]
pub struct Trap {
    /// Only connections on which the client sent these bytes: at the start of the connection, or in
    /// this message or an earlier one since the trap was armed. An empty marker means every
    /// connection.
    pub marker: Vec<u8>,
    pub sender: Sender,
    /// The letter of the message in the protocol; `None` means every message.
    pub kind: Option<u8>,
    /// How many messages that meet the rule are forwarded first.
    pub after: u64,
    /// What is done to the message.
    pub fault: Fault,
    /// Whether the same is done to every later message that meets the rule, on any connection.
    pub lasts: bool,
}

impl Trap {
    /// A trap for the first message of a kind.
    pub fn at(sender: Sender, kind: u8, fault: Fault) -> Self {
        Self { marker: Vec::new(), sender, kind: Some(kind), after: 0, fault, lasts: false }
    }

    /// A trap for the n-th message of any kind, counted from 0.
    pub fn nth(sender: Sender, after: u64, fault: Fault) -> Self {
        Self { marker: Vec::new(), sender, kind: None, after, fault, lasts: false }
    }

    /// The same trap, but only on connections on which the client sends this text.
    #[must_use]
    pub fn of(mut self, marker: &str) -> Self {
        self.marker = marker.into();
        self
    }

    /// The same trap, but for every message that follows too.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.lasts = true;
        self
    }
}
