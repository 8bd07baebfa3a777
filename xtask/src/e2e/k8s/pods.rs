//! Pods as the cluster tells of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cluster::text;

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) is_ready: bool,
    /// It was told to end.
    pub(super) is_ending: bool,
    /// Its containers ended by themselves and were started again.
    pub(super) restarts: u64,
    /// The template that it was made from.
    pub(super) made_from: String,
}

/// The pods of an answer of `kubectl get pods -o json`, by name.
pub(super) fn read(answer: &Value) -> Vec<Pod> {
    let mut pods: Vec<Pod> = answer["items"].as_array().into_iter().flatten().map(pod).collect();
    pods.sort_by(|a, b| a.name.cmp(&b.name));
    pods
}

fn pod(item: &Value) -> Pod {
    let conditions = item["status"]["conditions"].as_array().into_iter().flatten();
    let is_ready =
        |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    let containers = item["status"]["containerStatuses"].as_array().into_iter().flatten();
    Pod {
        name: text(item, "/metadata/name"),
        is_ready: conditions.into_iter().any(is_ready),
        is_ending: !item["metadata"]["deletionTimestamp"].is_null(),
        restarts: containers.filter_map(|container| container["restartCount"].as_u64()).sum(),
        made_from: text(item, "/metadata/labels/pod-template-hash"),
    }
}

/// Those that serve: ready, and not told to end.
pub(super) fn serving(pods: &[Pod]) -> BTreeSet<String> {
    let serving = pods.iter().filter(|pod| pod.is_ready && !pod.is_ending);
    serving.map(|pod| pod.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_serves_while_it_is_ready_and_not_told_to_end() {
        let pod = |name: &str, ready: &str, deleted: Option<&str>| {
            serde_json::json!({
                "metadata": {
                    "name": name,
                    "deletionTimestamp": deleted,
                    "labels": {"pod-template-hash": "h"},
                },
                "status": {
                    "conditions": [{"type": "Ready", "status": ready}],
                    "containerStatuses": [{"restartCount": 2}],
                },
            })
        };
        let items = [pod("c", "True", None), pod("b", "False", None), pod("a", "True", Some("t"))];
        let pods = read(&serde_json::json!({"items": items}));
        assert_eq!(pods.len(), 3);
        assert_eq!((pods[2].restarts, pods[2].made_from.as_str()), (2, "h"));
        assert_eq!(serving(&pods), BTreeSet::from(["c".to_owned()]));
    }
}
