//! `persona completions` and `persona man`: both from the definition that the parser uses, so they
//! always match.

use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::Arguments;
use super::version::VERSION;
use crate::failure::Failure;
use crate::terminal::Output;

/// Prints the script that completes commands.
pub fn completions(shell: Shell, output: &Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "persona", &mut script);
    output.bytes(&script)
}

/// Prints the manual page: the program, then each command as a section of its own.
pub fn man(output: &Output) -> Result<(), Failure> {
    let mut page = Vec::new();
    let write = |page: &mut Vec<u8>, command: clap::Command| {
        let man = clap_mangen::Man::new(command).source(format!("persona {VERSION}"));
        man.render(page).expect("writing into memory succeeds");
    };
    let mut program = Arguments::command();
    program.build();
    write(&mut page, program.clone());
    for command in program
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        write(&mut page, command.clone());
    }
    output.bytes(&page)
}
