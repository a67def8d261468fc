//! The view on a terminal: what it shows, that it obeys keys, and that it restores the terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::common::runner::Folder;
use crate::common::{DEADLINE, Server, signal, wait_for};

/// The sequence with which a program switches to the whole screen (xterm, "Alternate Screen
/// Buffer"); the next constant switches back.
const TAKEN: &str = "\x1b[?1049h";
const GIVEN_BACK: &str = "\x1b[?1049l";

/// A terminal with a view of a server on it.
struct Terminal {
    child: Child,
    keys: File,
    inside: File,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    fn watching(server: &Server, folder: &Folder, flags: &[&str]) -> Self {
        let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&outside).and_then(|()| unlockpt(&outside)).expect("a terminal");
        let name = ptsname(&outside, Vec::new()).expect("its name").into_string().expect("text");
        let inside = OpenOptions::new().read(true).write(true).open(name).expect("its inside");
        tcsetwinsize(&inside, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 })
            .expect("a size");
        let url = format!("http://{}", server.address());
        let end = || Stdio::from(inside.try_clone().expect("a descriptor"));
        let mut command = folder.command(&[&["top", "--server", &url], flags].concat());
        let child = command
            .env("TERM", "xterm")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the built program");
        let keys = File::from(outside);
        let (shown, mut screen) =
            (Arc::new(Mutex::new(String::new())), keys.try_clone().expect("a descriptor"));
        let seen = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                seen.lock().expect("no panic").push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, keys, inside, shown }
    }

    fn shown(&self) -> String {
        self.shown.lock().expect("no panic").clone()
    }

    #[track_caller]
    fn wait_until_shown(&self, text: &str) {
        wait_for(text, DEADLINE, || self.shown().contains(text).then_some(()));
    }

    /// Waits for the end and checks the exit code and that the terminal is as it was.
    #[track_caller]
    fn ended(mut self, code: i32) {
        let status = wait_for("the end", DEADLINE, || self.child.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(code), "{}", self.shown());
        self.wait_until_shown(GIVEN_BACK);
        let modes = tcgetattr(&self.inside).expect("modes").local_modes;
        assert!(
            modes.contains(LocalModes::ICANON | LocalModes::ECHO),
            "the terminal is left in raw mode"
        );
    }
}

#[test]
fn the_view_is_shown_and_a_key_ends_it_and_gives_the_terminal_back() {
    let server = Server::with_workers(2).start();
    let folder = Folder::new();
    for key in [&b"q"[..], b"\x03"] {
        let mut terminal = Terminal::watching(&server, &folder, &[]);
        terminal.wait_until_shown("worker 2");
        assert!(
            terminal.shown().contains(TAKEN) && terminal.shown().contains("\x1b[1m"),
            "{}",
            terminal.shown()
        );
        terminal.keys.write_all(key).expect("a key");
        terminal.ended(0);
    }
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    let server = Server::with_workers(1).start();
    let folder = Folder::new();
    let terminal = Terminal::watching(&server, &folder, &[]);
    terminal.wait_until_shown("worker 1");
    assert!(signal(terminal.child.id(), Signal::TERM));
    terminal.ended(130);
}

#[test]
fn colours_can_be_forbidden() {
    let server = Server::with_workers(1).start();
    let folder = Folder::new().variable("NO_COLOR", "1");
    let mut terminal = Terminal::watching(&server, &folder, &[]);
    terminal.wait_until_shown("worker 1");
    let shown = terminal.shown();
    let styled = shown.split("\x1b[").skip(1).any(|rest| {
        rest.split_once(|char: char| char.is_ascii_alphabetic())
            .is_some_and(|(numbers, _)| rest[numbers.len()..].starts_with('m'))
    });
    assert!(!styled, "{shown:?}");
    terminal.keys.write_all(b"q").expect("a key");
    terminal.ended(0);
}

#[test]
fn the_view_says_that_the_server_is_gone() {
    let server = Server::with_workers(1).start();
    let folder = Folder::new();
    let mut terminal = Terminal::watching(&server, &folder, &[]);
    terminal.wait_until_shown("worker 1");
    drop(server);
    terminal.wait_until_shown("still trying");
    terminal.keys.write_all(b"q").expect("a key");
    terminal.ended(0);
}
