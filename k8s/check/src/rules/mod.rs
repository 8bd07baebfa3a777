//! What must hold of all objects of a rendering together. Each rule is a function from them to
//! findings, in words.
//!
//! * `pods.rs`: how each pod is made
//! * `references.rs`: what is named is there
//! * `network.rs`: whom policies speak of, and that nobody is left out

mod network;
mod pods;
mod references;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::manifest::Object;

/// A workload's pods.
pub(crate) struct Pods<'a> {
    pub(crate) name: &'a str,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) spec: &'a PodSpec,
    pub(crate) owns: &'a LabelSelector,
}

/// All that is wrong with a rendering; empty if nothing is.
pub fn check(objects: &[Object]) -> Vec<String> {
    let pods: Vec<Pods<'_>> = objects.iter().filter_map(of).collect();
    let mut findings = Vec::new();
    for one in &pods {
        pods::check(one, objects, &mut findings);
        references::of_pods(one, objects, &mut findings);
    }
    references::of_selectors(&pods, objects, &mut findings);
    network::check(&pods, objects, &mut findings);
    findings
}

fn of(object: &Object) -> Option<Pods<'_>> {
    let (template, owns) = object.pods()?;
    let labels = template.metadata.as_ref().and_then(|metadata| metadata.labels.clone());
    let spec = template.spec.as_ref()?;
    Some(Pods { name: object.name(), labels: labels.unwrap_or_default(), spec, owns })
}

impl Pods<'_> {
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Container> {
        self.spec.containers.iter().chain(self.spec.init_containers.iter().flatten())
    }

    pub(crate) fn has_port(&self, name: &str) -> bool {
        let ports = self.containers().flat_map(|container| container.ports.iter().flatten());
        ports.into_iter().any(|port| port.name.as_deref() == Some(name))
    }

    pub(crate) fn is_selected(&self, selector: &LabelSelector) -> bool {
        let label = |key: &String| self.labels.get(key);
        let equal = selector.match_labels.iter().flatten();
        let among = selector.match_expressions.iter().flatten();
        equal.into_iter().all(|(key, value)| label(key) == Some(value))
            && among.into_iter().all(|expression| {
                let values = expression.values.iter().flatten();
                let is_in = values.into_iter().any(|value| label(&expression.key) == Some(value));
                match expression.operator.as_str() {
                    "In" => is_in,
                    "NotIn" => !is_in,
                    "Exists" => label(&expression.key).is_some(),
                    _ => label(&expression.key).is_none(),
                }
            })
    }
}
