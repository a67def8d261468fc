//! The terminal: taken over at the start, and given back however the program ends.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::thread;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, queue};
use rustix::termios::tcgetwinsize;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::Size;

/// Size of a terminal that does not tell: that of the first ones.
const SIZE_DEFAULT: Size = Size { columns: 80, rows: 24 };

/// What the user did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// Asked to end.
    Quit,
    /// Changed the size of the window.
    Resize,
}

/// The terminal while it is taken over; dropping it gives it back.
pub struct Screen(());

impl Screen {
    /// Whether a view can be shown: output and input are a terminal.
    pub fn is_possible() -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Takes the terminal over.
    ///
    /// # Errors
    ///
    /// The terminal does not obey.
    pub fn enter() -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // First, so that the message can be read.
            give_back();
            before(panic);
        }));
        enable_raw_mode()?;
        let screen = Self(());
        let mut out = io::stdout().lock();
        queue!(out, EnterAlternateScreen, cursor::Hide, Clear(ClearType::All))?;
        out.flush()?;
        Ok(screen)
    }

    /// Keys and changes of the window from now on. The thread that reads them ends with the
    /// program.
    pub fn inputs(&self) -> UnboundedReceiver<Input> {
        let (sender, inputs) = unbounded_channel();
        thread::spawn(move || {
            while let Ok(event) = read() {
                let Some(input) = meaning(&event) else { continue };
                if sender.send(input).is_err() {
                    break;
                }
            }
        });
        inputs
    }

    /// Its size now.
    pub fn size(&self) -> Size {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Size { columns: size.ws_col.into(), rows: size.ws_row.into() }
            }
            _ => SIZE_DEFAULT,
        }
    }

    /// Shows these lines, at most as many as there are rows, in one piece so that nothing flickers.
    ///
    /// # Errors
    ///
    /// The terminal is gone.
    pub fn show(&self, lines: &[String]) -> io::Result<()> {
        let mut out = Vec::new();
        queue!(out, BeginSynchronizedUpdate)?;
        for (row, line) in lines.iter().take(self.size().rows).enumerate() {
            queue!(out, cursor::MoveTo(0, u16::try_from(row).unwrap_or(u16::MAX)))?;
            out.extend_from_slice(line.as_bytes());
            queue!(out, Clear(ClearType::UntilNewLine))?;
        }
        if lines.len() < self.size().rows {
            queue!(
                out,
                cursor::MoveTo(0, u16::try_from(lines.len()).unwrap_or(u16::MAX)),
                Clear(ClearType::FromCursorDown)
            )?;
        }
        queue!(out, EndSynchronizedUpdate)?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(&out)?;
        stdout.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Safe to be called more than once. A terminal that is gone needs nothing back.
fn give_back() {
    let mut out = io::stdout().lock();
    let _ = queue!(out, cursor::Show, LeaveAlternateScreen).and_then(|()| out.flush());
    let _ = disable_raw_mode();
}

fn meaning(event: &Event) -> Option<Input> {
    match event {
        Event::Resize(..) => Some(Input::Resize),
        Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Input::Quit),
            // In raw mode Ctrl-C is a key like any other.
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                Some(Input::Quit)
            }
            _ => None,
        },
        _ => None,
    }
}
