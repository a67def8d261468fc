//! Joins the modules of the studio into one, in the order in which a browser would run them.
//!
//! Compressed as one text they are a quarter shorter than one by one. Their lines stay as they are
//! but for `import` and `export`, so the names at the top of all modules share one scope: none may
//! be there twice, and none may hide a name of the browser, which a story checks.

use std::collections::{BTreeMap, BTreeSet};

/// What begins a statement that names something at the top of a module.
const DECLARATIONS: [&str; 6] =
    ["async function ", "class ", "const ", "function ", "let ", "var "];

/// The modules by their file names, and what was taken of them so far.
struct Joiner<'a> {
    modules: &'a BTreeMap<String, String>,
    begun: BTreeSet<String>,
    /// What is imported from files that stay as they are, by their address.
    foreign: BTreeMap<String, BTreeSet<String>>,
    /// The module of each name at the top of one.
    names: BTreeMap<String, String>,
    joined: String,
}

/// One module of all that are reached from a first one, and the names at its top.
///
/// # Errors
///
/// Where a module is missing, an import has a form that is not known here, or a name is in two
/// modules.
pub fn join(
    modules: &BTreeMap<String, String>,
    first: &str,
) -> Result<(String, BTreeSet<String>), String> {
    let mut joiner = Joiner {
        modules,
        begun: BTreeSet::new(),
        foreign: BTreeMap::new(),
        names: BTreeMap::new(),
        joined: String::new(),
    };
    joiner.take(first)?;
    let imports = joiner.foreign.iter().map(|(from, names)| {
        let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        format!("import {{ {names} }} from '{from}';\n")
    });
    let text = imports.collect::<String>() + &joiner.joined;
    let imported = joiner.foreign.into_values().flatten();
    Ok((text, joiner.names.into_keys().chain(imported).collect()))
}

impl Joiner<'_> {
    /// Takes a module behind those that it imports.
    fn take(&mut self, name: &str) -> Result<(), String> {
        if !self.begun.insert(name.to_owned()) {
            return Ok(());
        }
        let text = self.modules.get(name).ok_or_else(|| format!("there is no module {name}"))?;
        let mut own = String::with_capacity(text.len());
        for line in text.lines() {
            if line.starts_with("import ") {
                self.import(line, name)?;
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            for found in declared(line) {
                let other = self.names.insert(found.to_owned(), name.to_owned());
                if let Some(other) = other {
                    return Err(format!("{found} is at the top of {other} and of {name}"));
                }
            }
            own.push_str(line);
            own.push('\n');
        }
        self.joined.push_str(&own);
        Ok(())
    }

    fn import(&mut self, line: &str, into: &str) -> Result<(), String> {
        let Some((names, from)) = imported(line) else {
            return Err(format!("{into}: an import names what it takes, in one line: {line}"));
        };
        if let Some(module) = from.strip_prefix("./") {
            return self.take(module);
        }
        let names = names.split(',').map(|name| name.trim().to_owned());
        self.foreign.entry(from.to_owned()).or_default().extend(names);
        Ok(())
    }
}

/// The names that an import takes, and where from.
fn imported(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import {")?.split_once("} from '")?;
    let is_renamed = names.contains(" as ");
    from.strip_suffix("';").filter(|_| !is_renamed).map(|from| (names, from))
}

/// The names that a line at the top of a module declares.
fn declared(line: &str) -> Vec<&str> {
    let Some(rest) = DECLARATIONS.iter().find_map(|word| line.strip_prefix(word)) else {
        return Vec::new();
    };
    let list = rest.strip_prefix(['{', '[']).and_then(|list| list.split(['}', ']']).next());
    let end = |text: &str| text.find(|sign| !is_of_name(sign)).unwrap_or(text.len());
    match list {
        Some(list) => list.split(',').map(str::trim).map(|name| &name[..end(name)]).collect(),
        None => vec![&rest[..end(rest)]],
    }
}

fn is_of_name(sign: char) -> bool {
    sign.is_alphanumeric() || "_$".contains(sign)
}

#[cfg(test)]
mod tests {
    use super::join;

    fn joined(modules: &[(&str, &str)]) -> Result<(String, Vec<String>), String> {
        let modules = modules.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        join(&modules, "a.js").map(|(text, names)| (text, names.into_iter().collect()))
    }

    #[test]
    fn a_module_stands_behind_those_that_it_imports() {
        let first = "import { x, y } from '../v/r.js';\nimport { b } from './b.js';\n\
                     import { c } from './c.js';\nexport const a = b + c;\n";
        let modules = [
            ("a.js", first),
            ("b.js", "import { z, x } from '../v/r.js';\nexport async function b() {}\n"),
            ("c.js", "import { a } from './a.js';\nimport { b } from './b.js';\nlet [c, d] = b;\n"),
            ("e.js", "f();\n"),
        ];
        let all = "import { x, y, z } from '../v/r.js';\nasync function b() {}\n\
                   let [c, d] = b;\nconst a = b + c;\n";
        let names = ["a", "b", "c", "d", "x", "y", "z"].map(str::to_owned).to_vec();
        assert_eq!(joined(&modules), Ok((all.to_owned(), names)));
    }

    #[test]
    fn what_would_mean_something_else_is_refused() {
        let second = ("b.js", "const { x, y } = 1;\n");
        for (text, why) in [
            (
                "import { x } from './b.js';\nfunction y() {}\n",
                "y is at the top of b.js and of a.js",
            ),
            ("import { x } from './c.js';\n", "there is no module c.js"),
            ("import * as b from './b.js';\n", "a.js: an import names"),
            ("import { x as z } from './b.js';\n", "a.js: an import names"),
            ("import './b.js';\n", "a.js: an import names"),
            ("import { x } from\n", "a.js: an import names"),
        ] {
            let told = joined(&[("a.js", text), second]).expect_err(text);
            assert!(told.contains(why), "{told}");
        }
    }
}
