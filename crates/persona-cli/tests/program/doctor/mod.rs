//! `persona doctor` on files and servers in every condition: its findings, its exit code, and that
//! it changes nothing.

mod broken;
mod live;
mod rest;

use serde_json::Value;

use crate::common::runner::Folder;

/// The findings and the exit code of the doctor.
struct Examined {
    code: i32,
    checks: Vec<Value>,
}

impl Examined {
    /// Examines a database.
    #[track_caller]
    fn database(folder: &Folder, flags: &[&str]) -> Self {
        Self::of(folder, &[&["doctor", "--json"], flags].concat())
    }

    #[track_caller]
    fn of(folder: &Folder, arguments: &[&str]) -> Self {
        let ran = folder.run(arguments);
        let report: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("no report: {ran}"));
        assert_eq!(
            report["verdict"],
            ["ok", "warn", "fail"][usize::try_from(ran.code).expect("a code of doctor's own")],
            "{ran}"
        );
        Self { code: ran.code, checks: report["checks"].as_array().expect("checks").clone() }
    }

    /// The level and the message of a check.
    #[track_caller]
    fn check(&self, group: &str, name: &str) -> (&str, &str) {
        let found =
            self.checks.iter().find(|check| check["group"] == group && check["name"] == name);
        let check = found.unwrap_or_else(|| panic!("{group}/{name} is not in {:#?}", self.checks));
        (check["level"].as_str().expect("a level"), check["message"].as_str().expect("a message"))
    }

    /// The names of the checks that found something, each of which must have a fix.
    fn bad(&self) -> Vec<&str> {
        let bad = self.checks.iter().filter(|check| check["level"] != "ok");
        bad.inspect(|check| assert!(check["fix"].is_string(), "{check}"))
            .map(|check| check["name"].as_str().expect("a name"))
            .collect()
    }
}

/// Every file of a folder with its bytes, to be compared afterwards.
fn contents_of(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            (
                path.file_name().expect("a name").to_string_lossy().into_owned(),
                std::fs::read(&path).expect("a file"),
            )
        })
        .collect();
    files.sort();
    files
}
