//! The `persona` program.

fn main() -> std::process::ExitCode {
    persona_server::cli::main().into()
}
