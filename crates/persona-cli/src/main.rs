//! The `persona` program.

fn main() -> std::process::ExitCode {
    persona_cli::commands::main().into()
}
