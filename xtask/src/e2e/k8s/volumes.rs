//! Volumes, where the cluster makes none by itself: folders of its node, which a pod prepares and
//! sweeps. A cluster with a default StorageClass needs nothing of this.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{Cluster, text};
use crate::signals::Trouble;

/// The claims of the manifests, and the user that each belongs to.
const CLAIMS: [(&str, u32); 2] = [("master-state", 10001), ("data-redis-0", 999)];

/// How long a pod may take that prepares or sweeps folders.
const WITHIN: Duration = Duration::from_secs(90);

/// The volumes of one namespace.
#[derive(Debug)]
pub(super) struct Volumes<'c> {
    cluster: &'c Cluster,
    namespace: String,
    image: String,
}

impl<'c> Volumes<'c> {
    pub(super) fn new(cluster: &'c Cluster, namespace: &str, image: &str) -> Self {
        Self { cluster, namespace: namespace.to_owned(), image: image.to_owned() }
    }

    /// Sees to it that the claims will be met.
    pub(super) fn provide(&self) -> Result<(), Trouble> {
        if self.cluster.has_volumes()? {
            return Ok(());
        }
        let folder = self.namespace.as_str();
        let make = CLAIMS.map(|(claim, user)| {
            format!("mkdir -p {folder}/{claim} && chown {user}:{user} {folder}/{claim}")
        });
        self.run_as_root(self.cluster, "prepare", &make.join(" && "))?;
        for (claim, _) in CLAIMS {
            self.cluster.send(&["create"], &self.volume(claim))?;
        }
        Ok(())
    }

    /// Takes away what the folders hold. What goes wrong is told.
    pub(super) fn sweep(&self) {
        if self.are_ours()
            && let Err(Trouble::Failed(why)) = self.run_as_root(
                &self.cluster.deaf(),
                "sweep",
                &format!("rm -rf {}", self.namespace),
            )
        {
            eprintln!("cleaning up: {why}");
        }
    }

    /// Takes the volumes away, when nobody claims them any more.
    pub(super) fn delete(&self) {
        let names = CLAIMS.map(|(claim, _)| self.name(claim));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let delete = ["delete", "pv", "--ignore-not-found"];
        self.cluster.tidy(&[&delete[..], &names].concat(), WITHIN);
    }

    fn are_ours(&self) -> bool {
        let volume = self.cluster.deaf().ask(&["get", "pv", &self.name(CLAIMS[0].0), "-o", "name"]);
        volume.is_ok()
    }

    fn name(&self, claim: &str) -> String {
        format!("{}-{claim}", self.namespace)
    }

    fn volume(&self, claim: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": self.name(claim)},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "claimRef": {"namespace": self.namespace, "name": claim},
                "hostPath": {"path": format!("/tmp/{}/{claim}", self.namespace)},
                "persistentVolumeReclaimPolicy": "Retain",
            },
        })
    }

    /// Runs a script in the temporary folder of the node.
    fn run_as_root(&self, cluster: &Cluster, name: &str, script: &str) -> Result<(), Trouble> {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "containers": [{
                    "name": name,
                    "image": self.image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", script],
                    "workingDir": "/node",
                    "securityContext": {"runAsUser": 0},
                    "volumeMounts": [{"name": "node", "mountPath": "/node"}],
                }],
                "volumes": [{"name": "node", "hostPath": {"path": "/tmp"}}],
            },
        });
        cluster.send(&["create"], &pod)?;
        let namespace = self.namespace.as_str();
        let phase = crate::signals::wait(WITHIN, || {
            let pod = cluster.json(&["-n", namespace, "get", "pod", name, "-o", "json"]);
            let phase = text(&pod.ok()?, "/status/phase");
            ["Succeeded", "Failed"].contains(&phase.as_str()).then_some(phase)
        });
        match phase.as_deref() {
            Some("Succeeded") => cluster.ask(&["-n", namespace, "delete", "pod", name]).map(drop),
            Some(_) => {
                let why = cluster.ask(&["-n", namespace, "logs", name])?;
                Err(Trouble::Failed(format!("the pod `{name}` failed: {}", why.trim())))
            }
            None => Err(Trouble::Failed(format!("the pod `{name}` did not end in time"))),
        }
    }
}
