//! The manifests as they are shipped, strictly read and held against the rules; and that each rule
//! finds what it is for.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

use std::fs;
use std::path::{Path, PathBuf};

use meshwork_k8s_check::manifest::{Mistake, Object, read};
use meshwork_k8s_check::{render, rules};

/// Whole manifests: what is not an instruction for kustomize.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_instruction = path.ends_with("kustomization.yaml");
        if path.is_dir() && !path.ends_with("check") {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "yaml") && !is_instruction {
            found.push(path);
        }
    }
}

fn base(file: &str) -> String {
    fs::read_to_string(render::folder().join("base").join(file)).unwrap()
}

/// What an overlay renders to; nothing where there is no kubectl, and then that is said.
fn overlay(name: &str) -> Option<String> {
    if !render::is_possible() {
        eprintln!("not rendered: no kubectl here; the files themselves were checked");
        return None;
    }
    let copy = tempfile::tempdir().unwrap();
    Some(render::overlay(name, copy.path()).unwrap())
}

#[test]
fn every_file_is_a_manifest_of_today() {
    let mut found = Vec::new();
    files(&render::folder(), &mut found);
    assert!(found.len() >= 10, "{found:?}");
    for path in found {
        let objects = read(&fs::read_to_string(&path).unwrap());
        assert!(!objects.unwrap_or_else(|mistake| panic!("{path:?}: {mistake}")).is_empty());
    }
}

#[test]
fn the_overlays_keep_the_rules() {
    for name in ["one-machine", "production"] {
        let Some(text) = overlay(name) else { return };
        let objects = read(&text).unwrap_or_else(|mistake| panic!("{name}: {mistake}"));
        assert_eq!(rules::check(&objects), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_overlay_for_old_clusters_differs_in_two_versions_only() {
    let (Some(old), Some(new)) = (overlay("kubernetes-1.20"), overlay("one-machine")) else {
        return;
    };
    assert_eq!(old.matches("apiVersion: policy/v1beta1\n").count(), 2);
    assert_eq!(old.matches("apiVersion: autoscaling/v2beta2\n").count(), 1);
    let mended = old
        .replace("apiVersion: policy/v1beta1\n", "apiVersion: policy/v1\n")
        .replace("apiVersion: autoscaling/v2beta2\n", "apiVersion: autoscaling/v2\n");
    assert_eq!(mended, new);
    assert!(matches!(read(&old), Err(Mistake::Unknown { .. })));
}

#[test]
fn the_schema_is_that_of_the_example_under_a_name_that_stays() {
    let example = render::folder().join("../examples/thumbnails/mesh.toml");
    assert_eq!(base("mesh.toml"), fs::read_to_string(example).unwrap(), "copy it to k8s/base");
    let Some(text) = overlay("production") else { return };
    let named =
        |object: &Object| matches!(object, Object::ConfigMap(_)) && object.name() == "schema";
    assert!(read(&text).unwrap().iter().any(named));
}

#[test]
fn what_no_cluster_would_take_is_refused() {
    let thumbnailer = base("thumbnailer.yaml");
    let misspelt = thumbnailer.replace("readinessProbe:", "readynessProbe:");
    let mistake = read(&misspelt).unwrap_err().to_string();
    let field = "spec.template.spec.containers.0.readynessProbe";
    assert_eq!(mistake, format!("Deployment thumbnailer: no such field: {field}"));

    let budgets = base("disruption-budgets.yaml").replace("policy/v1", "policy/v1beta1");
    let mistake = read(&budgets).unwrap_err().to_string();
    let expected = "there is no policy/v1beta1 PodDisruptionBudget";
    assert_eq!(mistake, format!("PodDisruptionBudget thumbnailer: {expected}"));

    let typed = thumbnailer.replace("minReadySeconds: 5", "minReadySeconds: soon");
    assert!(matches!(read(&typed), Err(Mistake::Wrong { .. })));
}

/// What the rules find when `from` is `to` in the overlay `one-machine`.
fn findings(text: &str, from: &str, to: &str) -> Vec<String> {
    let changed = text.replace(from, to);
    assert_ne!(changed, text, "there is no `{from}`");
    rules::check(&read(&changed).unwrap())
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let Some(text) = overlay("one-machine") else { return };
    let cases = [
        ("automountServiceAccountToken: false", "automountServiceAccountToken: true", "a token"),
        ("enableServiceLinks: false", "enableServiceLinks: true", "variables of Services"),
        ("runAsNonRoot: true", "runAsNonRoot: false", "as root"),
        ("type: RuntimeDefault", "type: Unconfined", "any system call"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "not restricted"),
        ("drop:\n            - ALL", "drop:\n            - KILL", "not restricted"),
        ("limits:\n            cpu: \"2\"\n", "limits:\n", "no limit of cpu"),
        ("requests:\n            cpu: 100m\n", "requests:\n", "what cpu it needs"),
        ("path: /readyz", "path: /healthz", "would also kill it"),
        ("value: 25s", "value: 33s", "35 s to end, and it needs 37"),
        ("terminationGracePeriodSeconds: 35", "terminationGracePeriodSeconds: 28", "it needs 29"),
        ("key: address", "key: addres", "no key addres in a Secret queue"),
        ("claimName: master-state", "claimName: state", "no claim state"),
        ("subPath: authority.key", "subPath: authority", "no key authority in a Secret"),
        ("targetPort: http", "targetPort: www", "no port www"),
        (
            "kind: Deployment\n    name: thumbnailer",
            "kind: Deployment\n    name: nails",
            "no nails",
        ),
        ("port: mesh\n", "port: mash\n", "no port mash"),
        (
            "meshwork.dev/role: worker\n  policyTypes",
            "meshwork.dev/role: w\n  policyTypes",
            "no pods",
        ),
        (
            "podSelector: {}",
            "podSelector: { matchLabels: { app.kubernetes.io/name: gateway } }",
            "redis: no policy holds for its Egress",
        ),
    ];
    for (from, to, expected) in cases {
        let found = findings(&text, from, to);
        assert!(found.iter().any(|what| what.contains(expected)), "{from} -> {to}: {found:?}");
    }
    let key = text.lines().find(|line| line.contains("secretName: gateway-join-key")).unwrap();
    let other =
        text.lines().find(|line| line.contains("secretName: thumbnailer-join-key")).unwrap();
    let found = findings(&text, key, other);
    assert!(found.iter().any(|what| what.contains("others see its Secret")), "{found:?}");
}
