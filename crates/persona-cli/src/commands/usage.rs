//! Messages about a command line that cannot be parsed.
//!
//! The messages are those of the parser, except where those would be misleading.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use persona_server::config::setting_of_earlier_name;
use persona_server::exit_code::ExitCode;
use persona_server::secrets::without_secrets;

use crate::failure::Failure;
use crate::terminal::{print_failure, print_failure_as_json};

/// Prints the help that the user asked for, or the error in the command line.
pub fn explain(error: &clap::Error) -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let better = better_words(error, &words);
    // The flag is searched by hand, because an invalid command line was not parsed.
    let wants_json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    match better {
        _ if wants_json && error.use_stderr() => {
            print_failure_as_json(&better.unwrap_or_else(|| Failure::usage(error)));
        }
        Some(failure) => print_failure(&failure),
        None => print(error),
    }
    if error.use_stderr() { ExitCode::Usage } else { ExitCode::Ok }
}

/// Prints help, or an error in the words of the parser. The error repeats what the user typed:
/// where that has a secret, it is left out, and so are colours. A closed output is ignored: it has
/// no reader.
fn print(error: &clap::Error) {
    let text = error.to_string();
    match without_secrets(&text) {
        Cow::Owned(shown) if error.use_stderr() => drop(write!(io::stderr().lock(), "{shown}")),
        _ => drop(error.print()),
    }
}

/// Flags of uvicorn and gunicorn that `serve` does not have, each with the setting that replaces
/// it.
const OF_OTHER_SERVERS: [(&str, &str); 20] = [
    ("bind", "name the address with --host and --port, or the socket with --uds"),
    ("certfile", "the certificate is named with --tls-cert"),
    ("keyfile", "the key is named with --tls-key"),
    (
        "ssl-keyfile-password",
        "the key has to be written without a passphrase: openssl pkey -in KEY -out PLAIN",
    ),
    ("ssl-ca-certs", "certificates of clients are not asked for; a proxy in front can"),
    ("ssl-cert-reqs", "certificates of clients are not asked for; a proxy in front can"),
    ("ssl-version", "connections have TLS 1.3 or 1.2"),
    ("ssl-ciphers", "the ciphers are those of rustls and need no choice"),
    ("proxy-headers", "headers of the proxies that --forwarded-allow-ips names are read"),
    ("no-proxy-headers", "--forwarded-allow-ips=none has the same effect"),
    ("timeout-keep-alive", "the time is set with --idle-timeout, such as 75s"),
    ("keep-alive", "the time is set with --idle-timeout, such as 75s"),
    ("timeout-graceful-shutdown", "the time is set with --drain-timeout-ms"),
    ("graceful-timeout", "the time is set with --drain-timeout-ms"),
    ("limit-concurrency", "connections are bounded with --connections-max, for each worker"),
    ("worker-class", "there is one kind of worker"),
    ("reload", "nothing has to be loaded again while you work: the program is one file"),
    ("no-access-log", "there is no access log unless --access-log is given"),
    ("backlog", "the queue of the socket has 1,024 places, or net.core.somaxconn"),
    ("umask", "the rights of the unix socket are set with --uds-mode"),
];

/// The failure for a flag of another server.
fn of_other_servers(argument: &str, name: &str, words: &[String]) -> Option<Failure> {
    let name = name.split('=').next().unwrap_or(name);
    let (_, advice) = OF_OTHER_SERVERS
        .iter()
        .find(|(other, _)| *other == name)
        .filter(|_| words.get(1).is_some_and(|command| command == "serve"))?;
    let message = format!("{argument} is a flag of other servers");
    Some(Failure::new(ExitCode::Usage, message).hint(*advice))
}

/// A better failure for some arguments that the parser only calls unknown.
fn better_words(error: &clap::Error, words: &[String]) -> Option<Failure> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    if let Some(name) = argument.strip_prefix("--") {
        if let Some(failure) = of_other_servers(argument, name, words) {
            return Some(failure);
        }
        let key = setting_of_earlier_name(&name.replace('-', "_"))?;
        return Some(Failure::new(
            ExitCode::Usage,
            format!("{argument} is called {} now", key.flag()),
        ));
    }
    if !argument.starts_with('-') && words.get(1).is_some_and(|command| command == "create") {
        let message = format!("unexpected argument '{argument}' found");
        let hint = format!("a name is given with --name: persona create --name {argument:?}");
        return Some(Failure::new(ExitCode::Usage, message).hint(hint));
    }
    // The parser reads `-excel` as `-e -x` and so on, and its proposal cannot work.
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
        let name = said(&["persona", "create", "Ada Lovelace"]).expect("better words");
        assert!(
            name.contains("'Ada Lovelace'") && name.contains("--name \"Ada Lovelace\""),
            "{name}"
        );
        assert_eq!(said(&["persona", "create", "--nme", "Ada"]), None);
        let other = said(&["persona", "serve", "--proxy-headers"]).expect("better words");
        assert!(
            other.contains("a flag of other servers") && other.contains("--forwarded-allow-ips"),
            "{other}"
        );
        assert_eq!(said(&["persona", "list", "--proxy-headers"]), None);
        assert_eq!(said(&["persona", "list", "--limt", "3"]), None);
        assert_eq!(said(&["persona", "list", "-x"]), None);
    }
}
