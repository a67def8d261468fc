//! A secret in a place that is not for one: messages repeat what was given, and end in logs and in
//! reports of errors, but no secret is in them.

use crate::common::Server;
use crate::common::runner::Folder;
use crate::common::tokens::random_secret;

#[test]
fn a_token_in_a_wrong_place_of_the_command_line_is_in_no_message() {
    let server = Server::with_workers(1).start();
    let folder = Folder::with_personas(&[&["Ada"]]);
    let url = format!("http://{}", server.address());
    let secret = random_secret();
    for arguments in [
        "list --server SECRET",
        "list --server https://SECRET@host.invalid",
        "list --server ada:SECRET@host.invalid",
        "list --server ftp://SECRET",
        "list --server URL --token-file SECRET",
        "list --server URL --token-file ./SECRET",
        "list --server URL --ca-file SECRET",
        "list --limit SECRET",
        "list --limit SECRET --json",
        "list --SECRET",
        "show SECRET",
        "show SECRET --server URL",
        "show Ada --json=SECRET",
        "SECRET",
        "token revoke SECRET",
        "token revoke SECRET --json",
        "token create --name=ci --scope SECRET",
        "token create --name=ci --scope=read SECRET",
        "token link --url SECRET",
        "import SECRET",
        "serve --port SECRET",
        "serve --config SECRET",
        "serve --tls-cert SECRET --tls-key SECRET",
        "config check --log-level SECRET",
        "config show --uds SECRET",
        "verify --server SECRET",
        "check SECRET",
    ] {
        let words = arguments.replace("SECRET", &secret).replace("URL", &url);
        let ran = folder.run(&words.split(' ').collect::<Vec<_>>());
        assert!(!format!("{ran}").contains(&secret[4..]), "{arguments}: {ran}");
        // The message still says what was wrong.
        let is_shown = !ran.stderr.is_empty() || arguments.contains("show --uds");
        assert!(is_shown || ran.code == 0, "{arguments}: {ran}");
    }
}

#[test]
fn a_secret_in_a_variable_or_a_settings_file_is_in_no_message() {
    let secret = random_secret();
    for name in ["PERSONA_SERVER", "PERSONA_PORT", "PERSONA_TOKEN_FILE", "PERSONA_LOG_LEVEL"] {
        for value in [secret.clone(), format!("https://ada:{secret}@host.invalid")] {
            let folder = Folder::new().variable(name, value);
            for arguments in [&["list"][..], &["config", "check"], &["config", "show"]] {
                let ran = folder.run(arguments);
                assert!(!format!("{ran}").contains(&secret[4..]), "{name} {arguments:?}: {ran}");
            }
        }
    }
    for settings in [
        "[server.prod]\nurl = \"https://SECRET@host.invalid\"\n",
        "[server.prod]\nurl = \"SECRET@host.invalid\"\n",
        "[server.prod]\nurl = \"http://127.0.0.1:1\"\ntoken_file = \"SECRET\"\n",
        "[server.prod]\nurl = \"http://127.0.0.1:1\"\ntoken = \"SECRET\"\n",
        "[server.prod]\nurl = SECRET\n",
        "[http]\nport = \"SECRET\"\n",
        "[client]\nserver = \"https://ada:SECRET@host.invalid\"\n",
    ] {
        let folder = Folder::new().file("persona.toml", settings.replace("SECRET", &secret));
        for arguments in [&["list", "--server", "prod"][..], &["config", "check"], &["list"]] {
            let ran = folder.run(&[arguments, &["--config", "persona.toml"]].concat());
            assert!(!format!("{ran}").contains(&secret[4..]), "{settings} {arguments:?}: {ran}");
        }
    }
}

#[test]
fn a_password_of_a_url_is_in_no_message() {
    let folder = Folder::new();
    for arguments in [
        "list --server https://ada:open-sesame@host.invalid",
        "list --server open-sesame@host.invalid",
        "list --server ftp://ada:open-sesame@host.invalid",
        "list --server https://ada:o/open-sesame@host.invalid",
        "list --limit https://ada:open-sesame@host.invalid",
        "list --database postgres://ada:open-sesame@127.0.0.1:1/personas",
        "serve --database mysql://ada:open-sesame@127.0.0.1:1/personas",
        "serve --database 'postgres://ada:open-sesame@127.0.0.1:1/personas'",
    ] {
        let ran = folder.run(&arguments.split(' ').collect::<Vec<_>>());
        assert!(ran.code != 0 && !format!("{ran}").contains("sesame"), "{arguments}: {ran}");
    }
}
