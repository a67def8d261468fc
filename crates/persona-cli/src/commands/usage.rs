//! What is said of a command line that cannot be read.
//!
//! The parser's own words, except where they would lead astray.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use persona_server::config::setting_of_earlier_name;
use persona_server::exit_code::ExitCode;

use crate::failure::Failure;
use crate::terminal::{print_failure, print_failure_as_json};

/// Prints the help that was asked for, or what is wrong with the command line.
pub fn explain(error: &clap::Error) -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let better = better_words(error, &words);
    // The flag is looked for by hand, because a command line that is wrong was not read.
    let wants_json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    match better {
        _ if wants_json && error.use_stderr() => {
            print_failure_as_json(&better.unwrap_or_else(|| Failure::usage(error)));
        }
        Some(failure) => print_failure(&failure),
        // A reader that went away cannot be told.
        None => drop(error.print()),
    }
    if error.use_stderr() { ExitCode::Usage } else { ExitCode::Ok }
}

/// A failure for what the parser calls an unknown argument and this program knows better.
fn better_words(error: &clap::Error, words: &[String]) -> Option<Failure> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    if let Some(name) = argument.strip_prefix("--") {
        let key = setting_of_earlier_name(&name.replace('-', "_"))?;
        return Some(Failure::new(
            ExitCode::Usage,
            format!("{argument} is called {} now", key.flag()),
        ));
    }
    // The parser reads -excel as -e -x and so on, and proposes what cannot work.
    let word = words.iter().skip(2).find(|word| {
        word.len() > argument.len() && word.starts_with(argument) && !word.starts_with("--")
    })?;
    let failure = Failure::new(ExitCode::Usage, format!("unexpected argument '{word}' found"));
    Some(if words.get(1).is_some_and(|command| command == "list") {
        failure.hint(format!(
            "a word that must be absent stands behind another one in the same text: \
             persona list 'WORD {word}'"
        ))
    } else {
        failure
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::better_words;
    use crate::commands::arguments::Arguments;

    fn said(words: &[&str]) -> Option<String> {
        let error = Arguments::try_parse_from(words).expect_err("not readable");
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        better_words(&error, &words)
            .map(|failure| [vec![failure.message], failure.hints].concat().join("\n"))
    }

    #[test]
    fn what_the_parser_would_explain_wrongly_is_explained_here() {
        assert_eq!(
            said(&["persona", "serve", "--gate-warn-ms", "5"]).as_deref(),
            Some("--gate-warn-ms is called --write-lock-warn-ms now")
        );
        let absent = said(&["persona", "list", "-excel"]).expect("better words");
        assert!(absent.contains("'-excel'") && absent.contains("'WORD -excel'"), "{absent}");
        assert_eq!(said(&["persona", "list", "--limt", "3"]), None);
        assert_eq!(said(&["persona", "list", "-x"]), None);
    }
}
