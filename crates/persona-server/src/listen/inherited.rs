//! Sockets that were handed over by the program that started this one: systemd (sd_listen_fds(3)),
//! or another parent, with the number of the descriptor as a setting.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;

use rustix::io::{FdFlags, fcntl_setfd};

use super::{LISTENERS_MAX, Listener};
use crate::config::Environment;

/// The first descriptor that systemd hands over.
const FIRST: u32 = 3;

/// The numbers of the descriptors that were handed over as listening sockets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inherited(Vec<u32>);

impl Inherited {
    /// The descriptor that the settings name, or those that systemd handed over to this process.
    ///
    /// # Errors
    ///
    /// The variables of systemd are invalid; the text says why.
    pub fn of(named: Option<u32>, environment: &Environment) -> Result<Self, String> {
        if let Some(number) = named {
            return Ok(Self(vec![number]));
        }
        // Variables for another process, such as a shell between systemd and this one, are ignored.
        let pid = environment.get("LISTEN_PID").and_then(|pid| pid.parse::<u32>().ok());
        let Some(count) = environment.get("LISTEN_FDS").filter(|_| pid == Some(std::process::id()))
        else {
            return Ok(Self::default());
        };
        let count = count
            .parse::<u32>()
            .ok()
            .filter(|count| (1..=LISTENERS_MAX).contains(&(*count as usize)))
            .ok_or_else(|| {
                format!(
                    "LISTEN_FDS must be a number of sockets from 1 to {LISTENERS_MAX}, is {count:?}"
                )
            })?;
        Ok(Self((FIRST..FIRST + count).collect()))
    }

    /// Whether no socket was handed over.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the sockets over. Must be called once, before the program opens other descriptors,
    /// which could get these numbers.
    ///
    /// # Errors
    ///
    /// The number of a descriptor that is no listening socket, and the reason.
    pub fn take(&self) -> Result<Vec<Listener>, (u32, io::Error)> {
        self.0.iter().map(|number| take(*number).map_err(|error| (*number, error))).collect()
    }
}

fn take(number: u32) -> io::Result<Listener> {
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why.to_owned());
    if number < FIRST {
        return Err(refused("it is standard input, output or error"));
    }
    if !Path::new("/proc/self/fd").join(number.to_string()).is_symlink() {
        return Err(refused("there is no such descriptor"));
    }
    let raw = i32::try_from(number).map_err(|_| refused("there is no such descriptor"))?;
    #[expect(unsafe_code, reason = "a descriptor that was handed over is known by its number only")]
    // SAFETY: the descriptor is open and has no owner in this process, because it was open before
    // the program began and `take` is called once.
    let descriptor = unsafe { OwnedFd::from_raw_fd(raw) };
    // Children must not inherit the descriptor; workers get it over their socket.
    fcntl_setfd(&descriptor, FdFlags::CLOEXEC)?;
    Listener::from_descriptor(descriptor)
}

#[cfg(test)]
mod tests {
    use super::Inherited;
    use crate::config::Environment;

    fn of(variables: &[(&str, String)]) -> Result<Inherited, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Inherited::of(None, &variables.collect::<Environment>())
    }

    #[test]
    fn descriptors_are_taken_only_where_they_are_for_this_process() {
        let own = std::process::id().to_string();
        let fds = |count: &str| ("LISTEN_FDS", count.to_owned());
        assert_eq!(of(&[]), Ok(Inherited::default()));
        assert_eq!(of(&[fds("1")]), Ok(Inherited::default()));
        assert_eq!(of(&[fds("1"), ("LISTEN_PID", "1".into())]), Ok(Inherited::default()));
        assert_eq!(of(&[fds("2"), ("LISTEN_PID", own.clone())]), Ok(Inherited(vec![3, 4])));
        for nonsense in ["0", "5", "-1", "many", "99999999999"] {
            assert!(of(&[fds(nonsense), ("LISTEN_PID", own.clone())]).is_err(), "{nonsense}");
        }
        assert_eq!(Inherited::of(Some(7), &Environment::default()), Ok(Inherited(vec![7])));
    }

    #[test]
    fn what_is_no_listener_is_refused() {
        for number in [0, 2, 999_999, u32::MAX] {
            let (refused, error) = Inherited(vec![number]).take().expect_err("no listener");
            assert_eq!((refused, error.kind()), (number, std::io::ErrorKind::InvalidInput));
        }
    }
}
