//! Takes over the terminal at the start, and restores it however the program ends.

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

/// Assumed size of a terminal that does not report its size.
const SIZE_DEFAULT: Size = Size { columns: 80, rows: 24 };

/// An input of the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// The user wants to end the view.
    Quit,
    /// The size of the window changed.
    Resize,
}

/// The terminal while it is taken over; dropping the value restores it.
pub struct Screen(());

impl Screen {
    /// Whether a view can be shown: output and input are a terminal.
    pub fn is_possible() -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Takes over the terminal.
    ///
    /// # Errors
    ///
    /// The terminal refused a setting.
    pub fn enter() -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // The terminal is restored first, so that the message of the panic can be read.
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

    /// The stream of inputs from now on. The thread that reads them ends with the program.
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

    /// The current size of the terminal.
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
    /// The terminal cannot be written.
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

/// Restores the terminal; safe to call more than once. Errors are ignored, because a closed
/// terminal needs no restoring.
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
