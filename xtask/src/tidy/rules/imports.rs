//! Imports between the crates point one way; the manifests are what decides.

use serde::Deserialize;

use crate::process::cargo;
use crate::tidy::Finding;
use crate::tidy::source::Tree;

/// A member of the workspace and the members that it may depend on outside of tests.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("meshwork-schema", &[]),
    ("meshwork-shared", &["meshwork-schema"]),
    ("meshwork-queue", &["meshwork-schema", "meshwork-shared"]),
    ("meshwork-worker", &["meshwork-schema", "meshwork-shared", "meshwork-queue"]),
    // Its contract with a worker is `shared::protocol`; it may read queues to show them.
    ("meshwork-master", &["meshwork-schema", "meshwork-shared", "meshwork-queue"]),
    ("meshwork", LIBRARIES),
    ("meshwork-simulation", LIBRARIES),
    ("meshwork-soak", LIBRARIES),
    ("meshwork-bench", BENCHMARK),
    ("meshwork-bench-harness", &[]),
    // What a user of the runtime would write down.
    ("thumbnails", &["meshwork-worker", "meshwork-schema"]),
    ("meshwork-k8s-check", &[]),
    ("xtask", &[]),
];

const LIBRARIES: &[&str] =
    &["meshwork-schema", "meshwork-shared", "meshwork-queue", "meshwork-worker", "meshwork-master"];

/// The libraries, and what its programs share.
const BENCHMARK: &[&str] = &[
    "meshwork-schema",
    "meshwork-shared",
    "meshwork-queue",
    "meshwork-worker",
    "meshwork-master",
    "meshwork-bench-harness",
];

/// What `cargo metadata` prints, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for what is always needed, else `dev` or `build`.
    kind: Option<String>,
    /// Only for those in the workspace.
    path: Option<String>,
}

/// Finds members that import what they may not.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let output = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]).output();
    let metadata = output
        .map_err(|error| error.to_string())
        .and_then(|output| parse(&String::from_utf8_lossy(&output.stdout)));
    match metadata {
        Ok(metadata) => judge(&metadata, &tree.root.to_string_lossy()),
        Err(error) => vec![Finding::new("Cargo.toml", 0, format!("cannot be read: {error}"))],
    }
}

fn parse(text: &str) -> Result<Metadata, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn judge(metadata: &Metadata, root: &str) -> Vec<Finding> {
    metadata.packages.iter().flat_map(|package| judge_package(package, root)).collect()
}

fn judge_package(package: &Package, root: &str) -> Vec<Finding> {
    let name = &package.name;
    let path = package.manifest_path.strip_prefix(root).unwrap_or(&package.manifest_path);
    let finding = |message| Finding::new(path.trim_start_matches('/'), 0, message);
    let Some((_, may_import)) = MAY_IMPORT.iter().find(|(member, _)| member == name) else {
        let table = "xtask/src/tidy/rules/imports.rs";
        return vec![finding(format!(
            "{name} is not in the table of {table}: add what it may use"
        ))];
    };
    let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    ours.filter(|dependency| dependency.kind.as_deref() != Some("dev"))
        .filter(|dependency| !may_import.contains(&dependency.name.as_str()))
        .map(|dependency| {
            finding(format!(
                "{name} may not depend on {}: imports point one way (tests may, as dev-dependency)",
                dependency.name
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str, dependency: &str, kind: &str) -> Vec<String> {
        let text = format!(
            r#"{{"packages":[{{"name":"{package}","manifest_path":"/r/x/Cargo.toml","dependencies":[
            {{"name":"{dependency}","kind":{kind},"path":"/r/y"}},
            {{"name":"serde","kind":null,"path":null}}]}}]}}"#
        );
        judge(&parse(&text).unwrap(), "/r").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn worker_and_master_never_import_each_other() {
        let findings = found("meshwork-worker", "meshwork-master", "null");
        assert!(findings[0].starts_with("x/Cargo.toml: meshwork-worker may not"), "{findings:?}");
        assert_eq!(found("meshwork-master", "meshwork-worker", "null").len(), 1);
        assert!(found("meshwork-worker", "meshwork-master", "\"dev\"").is_empty());
        assert!(found("meshwork-worker", "meshwork-shared", "null").is_empty());
    }

    #[test]
    fn a_new_member_must_be_listed() {
        assert!(found("newcomer", "meshwork-shared", "null")[0].contains("not in the table"));
    }
}
