//! What is named is there: Secrets, ConfigMaps and their keys, claims, accounts, pods, ports. And
//! each key is seen by one workload only.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Volume;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Pods;
use crate::manifest::Object;

/// The Secret that every worker may see: where queues are kept.
const SHARED: &str = "queue";

pub(super) fn of_pods(pods: &Pods<'_>, objects: &[Object], findings: &mut Vec<String>) {
    let mut find = |what: String| findings.push(format!("{}: {what}", pods.name));
    for container in pods.containers() {
        for variable in container.env.iter().flatten() {
            let Some(from) = &variable.value_from else { continue };
            if let Some(it) = &from.secret_key_ref
                && !secret_keys(objects, &it.name).contains(&it.key)
            {
                find(format!("there is no key {} in a Secret {}", it.key, it.name));
            }
            if let Some(it) = &from.config_map_key_ref
                && !config_map_keys(objects, &it.name).contains(&it.key)
            {
                find(format!("there is no key {} in a ConfigMap {}", it.key, it.name));
            }
        }
        for mount in container.volume_mounts.iter().flatten() {
            let volumes = pods.spec.volumes.iter().flatten();
            let volume = volumes.into_iter().find(|volume| volume.name == mount.name);
            match (volume, &mount.sub_path) {
                (Some(volume), Some(file)) => of_file(volume, file, objects, &mut find),
                (Some(_), None) => {}
                (None, _) if is_template(pods, &mount.name, objects) => {}
                (None, _) => find(format!("there is no volume {}", mount.name)),
            }
        }
    }
    for volume in pods.spec.volumes.iter().flatten() {
        of_volume(volume, objects, &mut find);
    }
}

fn of_volume(volume: &Volume, objects: &[Object], find: &mut impl FnMut(String)) {
    if let Some(name) = secret_of(volume)
        && secret_keys(objects, name).is_empty()
    {
        find(format!("there is no Secret {name}"));
    }
    if let Some(it) = &volume.config_map
        && config_map_keys(objects, &it.name).is_empty()
    {
        find(format!("there is no ConfigMap {}", it.name));
    }
    let is_claim = |claim: &str| {
        let named = |it: &Object| matches!(it, Object::PersistentVolumeClaim(_));
        objects.iter().any(|object| named(object) && object.name() == claim)
    };
    if let Some(it) = &volume.persistent_volume_claim
        && !is_claim(&it.claim_name)
    {
        find(format!("there is no claim {}", it.claim_name));
    }
}

/// One file of a volume is mounted alone.
fn of_file(volume: &Volume, file: &String, objects: &[Object], find: &mut impl FnMut(String)) {
    if volume.config_map.is_some() {
        find(format!("{file} is mounted alone, and would never change in a running pod"));
    }
    if let Some(name) = secret_of(volume)
        && !secret_keys(objects, name).contains(file)
    {
        find(format!("there is no key {file} in a Secret {name}"));
    }
}

/// What Services, budgets and autoscalers speak of; and who else sees a key.
pub(super) fn of_selectors(pods: &[Pods<'_>], objects: &[Object], findings: &mut Vec<String>) {
    for one in pods {
        if !one.is_selected(one.owns) {
            findings.push(format!("{}: its pods are not its own", one.name));
        }
        let others = pods.iter().filter(|other| other.name != one.name);
        let theirs: BTreeSet<_> = others.flat_map(seen).collect();
        for secret in seen(one).intersection(&theirs).filter(|name| !is_shared(name)) {
            findings.push(format!("{}: others see its Secret {secret}", one.name));
        }
    }
    for object in objects {
        let name = object.name();
        match object {
            Object::Service(it) => {
                let spec = it.spec.clone().unwrap_or_default();
                let selector =
                    LabelSelector { match_labels: spec.selector, ..LabelSelector::default() };
                let ports = spec.ports.unwrap_or_default();
                let targets = ports.into_iter().filter_map(|port| port.target_port);
                of_service(name, &selector, targets, pods, findings);
            }
            Object::PodDisruptionBudget(it) => {
                let selector = it.spec.clone().unwrap_or_default().selector.unwrap_or_default();
                if !pods.iter().any(|one| one.is_selected(&selector)) {
                    findings.push(format!("PodDisruptionBudget {name}: no pods are meant"));
                }
            }
            Object::HorizontalPodAutoscaler(it) => {
                let target = &it.spec.scale_target_ref.name;
                if !pods.iter().any(|one| one.name == target) {
                    findings.push(format!("HorizontalPodAutoscaler {name}: there is no {target}"));
                }
            }
            _ => {}
        }
    }
}

fn of_service(
    name: &str,
    selector: &LabelSelector,
    targets: impl Iterator<Item = IntOrString>,
    pods: &[Pods<'_>],
    findings: &mut Vec<String>,
) {
    let meant: Vec<_> = pods.iter().filter(|one| one.is_selected(selector)).collect();
    if meant.is_empty() {
        findings.push(format!("Service {name}: no pods are meant"));
    }
    for target in targets {
        if let IntOrString::String(port) = target
            && !meant.iter().all(|one| one.has_port(&port))
        {
            findings.push(format!("Service {name}: its pods have no port {port}"));
        }
    }
}

/// Secrets that pods see, by volume.
fn seen(pods: &Pods<'_>) -> BTreeSet<String> {
    let volumes = pods.spec.volumes.iter().flatten();
    volumes.into_iter().filter_map(secret_of).map(str::to_owned).collect()
}

/// With or without the hash that kustomize adds.
fn is_shared(name: &str) -> bool {
    name == SHARED || name.strip_prefix(SHARED).is_some_and(|rest| rest.starts_with('-'))
}

fn secret_of(volume: &Volume) -> Option<&str> {
    volume.secret.as_ref()?.secret_name.as_deref()
}

fn is_template(pods: &Pods<'_>, volume: &str, objects: &[Object]) -> bool {
    objects.iter().any(|object| match object {
        Object::StatefulSet(it) if object.name() == pods.name => {
            let mut templates = it.spec.volume_claim_templates.iter().flatten();
            templates.any(|claim| claim.metadata.name.as_deref() == Some(volume))
        }
        _ => false,
    })
}

fn secret_keys(objects: &[Object], name: &str) -> BTreeSet<String> {
    let keys = objects.iter().filter_map(|object| match object {
        Object::Secret(it) if object.name() == name => {
            let data = it.data.iter().flat_map(|data| data.keys());
            Some(data.chain(it.string_data.iter().flat_map(|data| data.keys())).cloned())
        }
        _ => None,
    });
    keys.flatten().collect()
}

fn config_map_keys(objects: &[Object], name: &str) -> BTreeSet<String> {
    let keys = objects.iter().filter_map(|object| match object {
        Object::ConfigMap(it) if object.name() == name => it.data.clone(),
        _ => None,
    });
    keys.flat_map(|data| data.into_keys()).collect()
}
