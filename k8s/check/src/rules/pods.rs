//! How each pod is made: without rights, within bounds, with probes, and with time to drain.

use k8s_openapi::api::core::v1::{Container, Probe, SecurityContext};

use super::Pods;
use crate::manifest::Object;

/// What a worker still does when its handlers have finished, seconds: it says goodbye to the master
/// and on its links, a second each.
const GOODBYES_S: i64 = 2;

pub(super) fn check(pods: &Pods<'_>, objects: &[Object], findings: &mut Vec<String>) {
    let mut find = |what: &str| findings.push(format!("{}: {what}", pods.name));
    let spec = pods.spec;
    if spec.automount_service_account_token != Some(false) {
        find("its pods are given a token of the cluster");
    }
    let account = spec.service_account_name.as_deref().unwrap_or_default();
    let is_account = |object: &Object| match object {
        Object::ServiceAccount(it) => {
            object.name() == account && it.automount_service_account_token == Some(false)
        }
        _ => false,
    };
    if !objects.iter().any(is_account) {
        find("there is no ServiceAccount without a token for it");
    }
    if spec.enable_service_links != Some(false) {
        find("variables of Services come into its environment");
    }
    if [spec.host_network, spec.host_pid, spec.host_ipc].contains(&Some(true)) {
        find("it shares a namespace of the node");
    }
    if spec.volumes.iter().flatten().any(|volume| volume.host_path.is_some()) {
        find("it mounts a folder of the node");
    }
    let context = spec.security_context.clone().unwrap_or_default();
    if context.run_as_non_root != Some(true) {
        find("it may run as root");
    }
    if context.seccomp_profile.is_none_or(|profile| profile.type_ != "RuntimeDefault") {
        find("it may make any system call");
    }
    for container in pods.containers() {
        check_container(pods, container, findings);
    }
    check_drain(pods, findings);
}

fn check_container(pods: &Pods<'_>, container: &Container, findings: &mut Vec<String>) {
    let mut find =
        |what: &str| findings.push(format!("{}, container {}: {what}", pods.name, container.name));
    if !is_restricted(&container.security_context.clone().unwrap_or_default()) {
        find("its rights are not restricted");
    }
    let resources = container.resources.clone().unwrap_or_default();
    for what in ["cpu", "memory"] {
        if resources.requests.as_ref().is_none_or(|requests| !requests.contains_key(what)) {
            find(&format!("it does not say what {what} it needs"));
        }
        if resources.limits.as_ref().is_none_or(|limits| !limits.contains_key(what)) {
            find(&format!("it has no limit of {what}"));
        }
    }
    // An init container ends by itself; probes are for those that stay.
    let stays = pods.spec.containers.iter().any(|other| other.name == container.name);
    let probes = [&container.startup_probe, &container.readiness_probe, &container.liveness_probe];
    if stays && probes.iter().any(|probe| probe.is_none()) {
        find("it has not all three probes");
    }
    if let [_, Some(readiness), Some(liveness)] = probes
        && asked(readiness) == asked(liveness)
    {
        find("what makes it not ready would also kill it");
    }
}

/// What a probe asks, however often.
fn asked(probe: &Probe) -> Probe {
    let Probe { exec, http_get, tcp_socket, .. } = probe.clone();
    Probe { exec, http_get, tcp_socket, ..Probe::default() }
}

fn is_restricted(context: &SecurityContext) -> bool {
    let drops = context.capabilities.as_ref().and_then(|capabilities| capabilities.drop.clone());
    context.allow_privilege_escalation == Some(false)
        && context.read_only_root_filesystem == Some(true)
        && context.privileged != Some(true)
        && drops.is_some_and(|drops| drops == ["ALL"])
}

/// The grace period of a worker's pod holds all that comes before its end.
fn check_drain(pods: &Pods<'_>, findings: &mut Vec<String>) {
    for container in &pods.spec.containers {
        let Some(grace) = variable(container, "MESHWORK_GRACE") else { continue };
        let Some(grace) = grace.strip_suffix('s').and_then(|grace| grace.parse::<i64>().ok())
        else {
            findings.push(format!("{}: write MESHWORK_GRACE in seconds", pods.name));
            continue;
        };
        let needed = pre_stop(container) + grace + GOODBYES_S;
        let given = pods.spec.termination_grace_period_seconds.unwrap_or(30);
        if given < needed {
            let what = format!("{}: {given} s to end, and it needs {needed}", pods.name);
            findings.push(what);
        }
    }
}

/// How long its `sleep` before the end takes, seconds.
fn pre_stop(container: &Container) -> i64 {
    let hook = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
    let command = hook.and_then(|hook| hook.exec.as_ref()).and_then(|exec| exec.command.as_ref());
    let seconds = command.and_then(|command| command.last()?.parse().ok());
    seconds.unwrap_or_default()
}

fn variable<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    let variable = container.env.iter().flatten().find(|variable| variable.name == name)?;
    variable.value.as_deref()
}
