//! Whom network policies speak of, and that nobody is left out.

use k8s_openapi::api::networking::v1::{NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Pods;
use crate::manifest::Object;

pub(super) fn check(pods: &[Pods<'_>], objects: &[Object], findings: &mut Vec<String>) {
    let policies = objects.iter().filter_map(|object| match object {
        Object::NetworkPolicy(it) => Some((object.name(), it.spec.clone().unwrap_or_default())),
        _ => None,
    });
    let policies: Vec<(&str, NetworkPolicySpec)> = policies.collect();
    for (name, policy) in &policies {
        check_policy(name, policy, pods, findings);
    }
    for one in pods {
        for way in ["Ingress", "Egress"] {
            let holds = |policy: &NetworkPolicySpec| {
                one.is_selected(&selector(policy))
                    && policy.policy_types.iter().flatten().any(|kind| kind == way)
            };
            if !policies.iter().any(|(_, policy)| holds(policy)) {
                findings.push(format!("{}: no policy holds for its {way}", one.name));
            }
        }
    }
}

fn check_policy(
    name: &str,
    policy: &NetworkPolicySpec,
    pods: &[Pods<'_>],
    findings: &mut Vec<String>,
) {
    let mut find = |what: String| findings.push(format!("NetworkPolicy {name}: {what}"));
    let meant = matching(&selector(policy), pods);
    if meant.is_empty() {
        find("no pods are meant".to_owned());
    }
    for rule in policy.ingress.iter().flatten() {
        for port in missing(rule.ports.iter().flatten(), &meant) {
            find(format!("its pods have no port {port}"));
        }
        for peer in rule.from.iter().flatten() {
            if let Some(selector) = own(peer)
                && matching(selector, pods).is_empty()
            {
                find("it lets in pods that there are not".to_owned());
            }
        }
    }
    for rule in policy.egress.iter().flatten() {
        for peer in rule.to.iter().flatten() {
            let Some(selector) = own(peer) else { continue };
            let peers = matching(selector, pods);
            if peers.is_empty() {
                find("it lets out to pods that there are not".to_owned());
            }
            for port in missing(rule.ports.iter().flatten(), &peers) {
                find(format!("the pods there have no port {port}"));
            }
        }
    }
}

fn selector(policy: &NetworkPolicySpec) -> LabelSelector {
    policy.pod_selector.clone().unwrap_or_default()
}

/// Pods of the same namespace: those of others, and addresses, are not ours to look for.
fn own(peer: &NetworkPolicyPeer) -> Option<&LabelSelector> {
    peer.namespace_selector.is_none().then_some(peer.pod_selector.as_ref())?
}

fn matching<'p, 'a>(selector: &LabelSelector, pods: &'p [Pods<'a>]) -> Vec<&'p Pods<'a>> {
    pods.iter().filter(|one| one.is_selected(selector)).collect()
}

/// Names of ports that one of these pods does not have.
fn missing<'a>(
    ports: impl Iterator<Item = &'a NetworkPolicyPort>,
    pods: &[&Pods<'_>],
) -> Vec<String> {
    let names = ports.filter_map(|port| match &port.port {
        Some(IntOrString::String(name)) => Some(name.clone()),
        _ => None,
    });
    names.filter(|name| !pods.iter().all(|one| one.has_port(name))).collect()
}
