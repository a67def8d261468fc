//! Clients that generators make from the OpenAPI document: they are generated, type-checked, and
//! used against a server.
//!
//! A generator reads the document more strictly than a person does: what the document leaves out,
//! demands or fills in by itself is what users of the clients get. The programs beside this file
//! create, patch, read, list, replace, delete and restore personas and check that only what they
//! named has changed. `tools.rs` gets the generators, in the versions that `requirements.txt` and
//! `package-lock.json` pin.

pub mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::Server;
use tempfile::TempDir;
use tools::{Tools, run};

/// A server, its document, and a folder for the generated client.
struct Scene {
    server: Server,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let (server, folder) =
            (Server::with_workers(2).start(), tempfile::tempdir().expect("a folder"));
        let document = server.connect().get("/api/v1/openapi.json").expect("an answer").body;
        fs::write(folder.path().join("openapi.json"), document).expect("a file");
        Self { server, folder }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Copies one of the programs beside this file into the folder.
    fn program(&self, name: &str) -> PathBuf {
        let place = self.folder.path().join(name);
        fs::copy(beside(name), &place).expect("a copy");
        place
    }
}

/// The path of a file beside this one.
fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/clients").join(name)
}

#[test]
fn a_client_made_by_openapi_python_client_is_whole_and_changes_only_what_it_names() {
    let Some(tools) = Tools::python() else { return };
    let scene = Scene::new();
    let config = scene.folder.path().join("config.yaml");
    fs::write(&config, "package_name_override: persona_client\npost_hooks: []\n").expect("a file");
    let generate = [
        "generate",
        "--path",
        "openapi.json",
        "--output-path",
        "persona_client",
        "--meta",
        "none",
        "--config",
        "config.yaml",
    ];
    let said =
        run(tools.command("openapi-python-client").args(generate).current_dir(scene.folder.path()));
    // A warning names a part that the generator left out. It knows neither lists beside objects as
    // bodies, nor lines of JSON.
    let warnings: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("WARNING") || line.starts_with("ERROR"))
        .collect();
    let known = [
        "WARNING parsing PATCH /api/v1/personas/{id} within personas.",
        "WARNING parsing GET /api/v1/export within personas.",
    ];
    assert_eq!(warnings, known, "{said}");
    assert!(
        said.contains("PersonaJsonPatch")
            && said.contains("Unsupported content_type application/x-ndjson"),
        "{said}"
    );
    let program = scene.program("use_openapi_python_client.py");
    run(tools
        .command("mypy")
        .args(["--strict", "--no-error-summary"])
        .arg(&program)
        .current_dir(scene.folder.path()));
    run(tools.command("python").arg(&program).arg(scene.url()).current_dir(scene.folder.path()));
}

#[test]
fn models_made_by_datamodel_code_generator_hold_every_answer_and_send_only_what_is_set() {
    let Some(tools) = Tools::python() else { return };
    let scene = Scene::new();
    let generate =
        ["--input", "openapi.json", "--input-file-type", "openapi", "--output", "models.py"];
    let style = [
        "--output-model-type",
        "pydantic_v2.BaseModel",
        "--target-python-version",
        "3.11",
        "--formatters",
        "builtin",
    ];
    let types = ["--use-annotated", "--enum-field-as-literal", "all", "--collapse-root-models"];
    run(tools
        .command("datamodel-codegen")
        .args(generate)
        .args(style)
        .args(types)
        .current_dir(scene.folder.path()));
    fs::write(scene.folder.path().join("mypy.ini"), "[mypy]\nplugins = pydantic.mypy\n")
        .expect("a file");
    let program = scene.program("use_datamodel_code_generator.py");
    run(tools
        .command("mypy")
        .args(["--strict", "--no-error-summary"])
        .arg(&program)
        .current_dir(scene.folder.path()));
    run(tools
        .command("python")
        .arg(&program)
        .arg(scene.url())
        .arg("openapi.json")
        .current_dir(scene.folder.path()));
}

#[test]
fn types_made_by_openapi_typescript_demand_no_more_than_the_server_does() {
    let Some(tools) = Tools::node() else { return };
    let scene = Scene::new();
    let folder = scene.folder.path();
    std::os::unix::fs::symlink(tools.modules(), folder.join("node_modules")).expect("a link");
    fs::write(folder.join("package.json"), "{\"type\": \"module\"}").expect("a file");
    run(tools
        .command("openapi-typescript")
        .args(["openapi.json", "--output", "schema.ts"])
        .current_dir(folder));
    let program = scene.program("use_openapi_typescript.ts");
    let strict = [
        "--strict",
        "--noUncheckedIndexedAccess",
        "--exactOptionalPropertyTypes",
        "--skipLibCheck",
        "--noEmitOnError",
    ];
    let target = ["--module", "nodenext", "--target", "es2022", "--types", "node"];
    run(tools.command("tsc").args(strict).args(target).arg(&program).current_dir(folder));
    run(tools
        .command("node")
        .arg(program.with_extension("js"))
        .arg(scene.url())
        .current_dir(folder));
}
