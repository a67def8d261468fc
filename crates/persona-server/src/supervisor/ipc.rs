//! The communication between the supervisor and a child.
//!
//! The standard input of a child is one end of a unix socket. Over this socket the child gets the
//! settings as one line of JSON, together with the descriptors of the scoreboard, the certificate
//! and the listeners. The child sends its messages over the same socket. The socket also shows
//! whether the supervisor lives: the kernel closes it when the other side ends, for whatever
//! reason.
//!
//! One socket replaces a settings file, two pipes and a table of fixed descriptor numbers. It needs
//! neither code between fork and exec nor a conversion of a number into a descriptor, both of which
//! are `unsafe`.

use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use crate::backend::Prepared;
use crate::config::Config;
use crate::listen::{LISTENERS_MAX, Listener};
use crate::scoreboard::Scoreboard;

/// Most descriptors that are handed over: the scoreboard, the certificate and the listeners.
const DESCRIPTORS_MAX: usize = 2 + LISTENERS_MAX;

/// Longest line of settings, in bytes: two paths of 4,096 bytes each, escaped, and some numbers.
const SETTINGS_BYTES_MAX: usize = 64 * 1024;

/// What a child gets from the supervisor.
pub struct ChildInput {
    /// The settings.
    pub config: Config,
    /// The scoreboard that all processes share.
    pub scoreboard: Arc<Scoreboard>,
    /// The sockets on which to accept connections; workers only.
    pub listeners: Vec<Listener>,
    /// The certificate of the server, where it has one; workers only.
    pub certificate: Option<OwnedFd>,
    /// The socket to the supervisor.
    pub channel: UnixStream,
}

/// A message of a child to the supervisor, one line each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// The init process has made the database ready.
    Prepared(Prepared),
    /// The maintenance process or worker does its work from now on.
    Ready,
    /// Going on could lose or corrupt acknowledged data, so the server must stop. The child has
    /// logged why.
    Fatal,
    /// The schema is not the one of this program, so this worker writes nothing more. It still
    /// answers requests until it is told to end.
    SchemaMismatch,
    /// A client that may do so wants the workers replaced one by one.
    Restart,
}

/// What only a worker gets.
#[derive(Clone, Copy, Default)]
pub(super) struct OfWorker<'a> {
    /// The sockets on which to accept connections.
    pub listeners: &'a [BorrowedFd<'a>],
    /// The certificate of the server.
    pub certificate: Option<BorrowedFd<'a>>,
}

/// The line of settings that a child gets.
#[derive(Serialize, Deserialize)]
struct FirstLine<C> {
    config: C,
    /// Whether the certificate is among the descriptors, behind the scoreboard.
    has_certificate: bool,
}

/// Sends settings and descriptors to a new child, over the supervisor's end of the socket.
pub(super) fn give(
    channel: &UnixStream,
    config: &Config,
    scoreboard: BorrowedFd<'_>,
    of_worker: OfWorker<'_>,
) -> io::Result<()> {
    let OfWorker { listeners, certificate } = of_worker;
    let has_certificate = certificate.is_some();
    let mut line = serde_json::to_vec(&FirstLine { config, has_certificate })?;
    line.push(b'\n');
    let descriptors: Vec<BorrowedFd<'_>> =
        [scoreboard].into_iter().chain(certificate).chain(listeners.iter().copied()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(
        control.push(SendAncillaryMessage::ScmRights(&descriptors)),
        "there is room for {DESCRIPTORS_MAX} descriptors"
    );
    // The line is shorter than the buffer of a new socket, so it goes out in one piece and does not
    // block.
    let sent = sendmsg(channel, &[IoSlice::new(&line)], &mut control, SendFlags::NOSIGNAL)?;
    if sent == line.len() {
        Ok(())
    } else {
        Err(io::Error::new(ErrorKind::WriteZero, "the settings did not fit into the socket"))
    }
}

/// Receives settings and descriptors from the supervisor, in a child.
///
/// # Errors
///
/// Standard input is not the socket of a supervisor, or the supervisor has ended.
pub fn receive() -> io::Result<ChildInput> {
    receive_from(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

fn receive_from(channel: UnixStream) -> io::Result<ChildInput> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut line = vec![0; SETTINGS_BYTES_MAX];
    let received = recvmsg(
        &channel,
        &mut [IoSliceMut::new(&mut line)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut descriptors = control
        .drain()
        .filter_map(|message| {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                Some(descriptors)
            } else {
                None
            }
        })
        .flatten();
    let scoreboard = descriptors.next().ok_or_else(|| {
        io::Error::new(ErrorKind::UnexpectedEof, "no supervisor at the other end")
    })?;
    let FirstLine { config, has_certificate } = serde_json::from_slice(&line[..received.bytes])?;
    let certificate = if has_certificate { descriptors.next() } else { None };
    let listeners = descriptors.map(Listener::from_descriptor).collect::<io::Result<_>>()?;
    let scoreboard = Scoreboard::attach(scoreboard)?;
    Ok(ChildInput { config, scoreboard, listeners, certificate, channel })
}

/// Sends a message to the supervisor.
pub fn say(mut channel: &UnixStream, message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    channel.write_all(&line)
}

/// Waits until the supervisor has ended. The supervisor sends nothing after the settings, so a read
/// returns only at the end.
pub fn wait_for_the_end(channel: &UnixStream) {
    let mut nothing = String::new();
    let _ = BufReader::new(channel).read_line(&mut nothing);
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::TcpListener;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use persona_model::Timestamp;

    use super::{OfWorker, give, receive_from};
    use crate::listen::Listener;
    use crate::scoreboard::Scoreboard;
    use crate::supervisor::tests::config;

    #[test]
    fn a_child_receives_settings_page_and_listener_and_notices_the_end() {
        let (parent, child) = UnixStream::pair().expect("a socket");
        let scoreboard = Scoreboard::create().expect("a scoreboard");
        scoreboard.set_started_at(Timestamp::from_micros(7));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (file, second) = (File::open("/dev/null"), listener.try_clone());
        let (file, second) = (file.expect("a file"), second.expect("a descriptor"));
        let of_worker = OfWorker {
            listeners: &[listener.as_fd(), second.as_fd()],
            certificate: Some(file.as_fd()),
        };
        give(&parent, &config(), scoreboard.fd(), of_worker).expect("room in the socket");
        let input = receive_from(child).expect("everything");
        assert_eq!(input.config, config());
        assert_eq!(input.scoreboard.started_at(), Timestamp::from_micros(7));
        assert!(input.certificate.is_some());
        let [Listener::Tcp(first), Listener::Tcp(_)] = input.listeners.as_slice() else {
            panic!("{:?}", input.listeners)
        };
        let addresses = [first, &listener].map(|one| one.local_addr().expect("an address"));
        assert_eq!(addresses[0], addresses[1]);
        drop(parent);
        super::wait_for_the_end(&input.channel);
    }

    #[test]
    fn a_child_is_told_that_its_supervisor_is_gone() {
        let (_, child) = UnixStream::pair().expect("a socket");
        assert_eq!(
            receive_from(child).err().map(|error| error.kind()),
            Some(std::io::ErrorKind::UnexpectedEof)
        );
    }
}
