//! The mesh of `k8s/`, deployed in a namespace of its own from a copy of the manifests; everything
//! of it is taken away when it is dropped.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::cluster::{Cluster, kubectl, text};
use super::keys;
use super::pods::{self, Pod};
use super::volumes::Volumes;
use crate::signals::Trouble;
use crate::workspace;

/// Thumbnailers; the autoscaler is given no choice.
pub(super) const THUMBNAILERS: usize = 3;

/// How long the cluster may take to delete a namespace.
const DELETED_WITHIN: Duration = Duration::from_secs(600);

/// How long anything may take to become as wanted.
pub(super) const WITHIN: Duration = Duration::from_secs(600);

/// What an eviction is refused with while the budget has no room.
const BUDGET: &str = "disruption budget";

/// How long between two looks at the pods.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// The schema knows `print`.
    pub(super) schema_has_print: bool,
    /// Thumbnailers have a handler for it.
    pub(super) pods_have_print: bool,
}

/// The mesh.
#[derive(Debug)]
pub(super) struct Mesh<'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) namespace: String,
    image: String,
    folder: TempDir,
    volumes: Volumes<'c>,
}

impl<'c> Mesh<'c> {
    /// A namespace with keys and volumes; nothing runs there yet.
    pub(super) fn create(
        cluster: &'c Cluster,
        namespace: &str,
        image: &str,
        meshwork: Option<&Path>,
    ) -> Result<Self, Trouble> {
        let broken = |error: std::io::Error| Trouble::Failed(format!("the manifests: {error}"));
        let folder = tempfile::tempdir().map_err(broken)?;
        for part in ["base", "redis", "keys", "overlays"] {
            copy(&workspace::root().join("k8s").join(part), &folder.path().join(part))
                .map_err(broken)?;
        }
        keys::make(cluster.signals(), &folder.path().join("keys"), meshwork)?;
        cluster.ask(&["create", "namespace", namespace])?;
        let volumes = Volumes::new(cluster, namespace, image);
        let mesh = Self {
            cluster,
            namespace: namespace.to_owned(),
            image: image.to_owned(),
            folder,
            volumes,
        };
        mesh.volumes.provide()?;
        Ok(mesh)
    }

    /// Makes the cluster have this version, as `kubectl apply -k` of an overlay does. It comes back
    /// before the pods are there.
    pub(super) fn apply(&self, version: Version) -> Result<(), Trouble> {
        let schema = if version.schema_has_print { schema()? } else { schema_without_print()? };
        self.write_schema(&schema)?;
        self.write("overlays/e2e/kustomization.yaml", &self.overlay(version))?;
        let mut apply = kubectl(&["apply", "-k"]);
        apply.arg(self.folder.path().join("overlays/e2e"));
        self.cluster.run(&mut apply, WITHIN).map(drop)
    }

    /// Changes the ConfigMap alone.
    pub(super) fn change_schema(&self, schema: &str) -> Result<(), Trouble> {
        let patch = serde_json::json!({"data": {"mesh.toml": schema}}).to_string();
        self.ask(&["patch", "configmap", "schema", "--type=merge", "-p", &patch])?;
        self.hurry()
    }

    /// Has the node look at the master's pod at once: it looks for changed ConfigMaps when a pod
    /// changes, and else within a minute or so.
    pub(super) fn hurry(&self) -> Result<(), Trouble> {
        let map = self.json(&["get", "configmap", "schema", "-o", "json"])?;
        // Unlike the one before.
        let now = format!("e2e/schema={}", text(&map, "/metadata/resourceVersion"));
        let pods = ["annotate", "pods", "-l", "app.kubernetes.io/name=master", "--overwrite"];
        self.ask(&[pods.as_slice(), &[now.as_str()]].concat()).map(drop)
    }

    /// Asks something about this namespace; answers what kubectl printed.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<String, Trouble> {
        self.cluster.ask(&[&["-n", self.namespace.as_str()], arguments].concat())
    }

    /// Asks something about this namespace that is answered in JSON.
    pub(super) fn json(&self, arguments: &[&str]) -> Result<Value, Trouble> {
        self.cluster.json(&[&["-n", self.namespace.as_str()], arguments].concat())
    }

    /// The pods of a workload, by name.
    pub(super) fn pods(&self, of: &str) -> Result<Vec<Pod>, Trouble> {
        let label = format!("app.kubernetes.io/name={of}");
        Ok(pods::read(&self.json(&["get", "pods", "-l", &label, "-o", "json"])?))
    }

    /// Names of the thumbnailers that serve.
    pub(super) fn thumbnailers(&self) -> Result<BTreeSet<String>, Trouble> {
        Ok(pods::serving(&self.pods("thumbnailer")?))
    }

    /// Waits until the pods of a workload are as wanted, and answers them.
    ///
    /// # Errors
    /// They are not in time, or a signal came.
    pub(super) fn until_pods(
        &self,
        of: &str,
        what: &str,
        is_so: impl Fn(&[Pod]) -> bool,
    ) -> Result<Vec<Pod>, Trouble> {
        let mut newest = Vec::new();
        let seen = self.cluster.signals().wait(WITHIN, || {
            std::thread::sleep(LOOK_EVERY);
            // What the cluster does not answer now it may answer the next time.
            let Ok(pods) = self.pods(of) else { return Ok(None) };
            newest = pods;
            Ok(is_so(&newest).then(|| newest.clone()))
        })?;
        let within = WITHIN.as_secs();
        seen.ok_or_else(|| Trouble::Failed(format!("not within {within} s: {what}; {newest:?}")))
    }

    /// Waits until all pods of a workload are of its newest template and ready.
    pub(super) fn until_rolled_out(&self, what: &str) -> Result<(), Trouble> {
        let namespace = self.namespace.as_str();
        let timeout = format!("--timeout={}s", WITHIN.as_secs());
        let arguments = ["-n", namespace, "rollout", "status", what, &timeout];
        self.cluster.run(&mut kubectl(&arguments), WITHIN).map(drop)
    }

    /// Evicts a pod by the API that empties nodes, which asks the disruption budgets: their say may
    /// come late, and whoever empties a node asks again.
    pub(super) fn evict(&self, pod: &str) -> Result<(), Trouble> {
        let version = if self.cluster.is_new { "policy/v1" } else { "policy/v1beta1" };
        let namespace = self.namespace.as_str();
        let eviction = serde_json::json!({
            "apiVersion": version,
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        });
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
        let mut refused = String::new();
        let evicted = self.cluster.signals().wait(WITHIN, || {
            match self.cluster.send(&["create", "--raw", &path], &eviction) {
                Ok(_) => Ok(Some(())),
                Err(Trouble::Failed(why)) if why.contains(BUDGET) => {
                    refused = why;
                    std::thread::sleep(LOOK_EVERY);
                    Ok(None)
                }
                Err(trouble) => Err(trouble),
            }
        })?;
        evicted.ok_or(Trouble::Failed(refused))
    }

    /// What the HTTP of a worker answers.
    pub(super) fn worker(&self, pod: &str, path: &str) -> Result<Value, Trouble> {
        let namespace = &self.namespace;
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:7071/proxy{path}");
        self.cluster.json(&["get", "--raw", &path])
    }

    /// The state of the schema, as the master tells it.
    pub(super) fn schema_state(&self) -> Result<Value, Trouble> {
        let ask = "exec 3<>/dev/tcp/127.0.0.1/7071; printf 'GET /v1/schema HTTP/1.1\\r\\nHost: \
                   localhost\\r\\nConnection: close\\r\\nAuthorization: Bearer %s\\r\\n\\r\\n' \
                   \"$(cat /var/lib/meshwork/admin.token)\" >&3; cat <&3";
        let answer = self.ask(&["exec", "deploy/master", "--", "bash", "-c", ask])?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let parsed = serde_json::from_str(body);
        parsed.map_err(|error| Trouble::Failed(format!("/v1/schema: {error}: {answer}")))
    }

    /// Writes down what each pod logged, for whoever looks for a cause.
    pub(super) fn keep_logs(&self, into: &Path) {
        let Ok(all) = self.json(&["get", "pods", "-o", "json"]) else { return };
        let _ = fs::create_dir_all(into);
        for pod in pods::read(&all) {
            if let Ok(log) = self.ask(&["logs", &pod.name, "--tail=-1"]) {
                let _ = fs::write(into.join(format!("{}.log", pod.name)), log);
            }
        }
        if let Ok(events) = self.ask(&["get", "events", "--sort-by=.lastTimestamp"]) {
            let _ = fs::write(into.join("events.txt"), events);
        }
    }

    /// Takes everything away; answers what is left of it.
    pub(super) fn delete(&self) -> Result<String, Trouble> {
        self.clear();
        let volumes = self.cluster.ask(&["get", "pv", "-o", "name"]).unwrap_or_default();
        let ours = volumes.lines().filter(|volume| volume.contains(&self.namespace));
        let mut left: Vec<&str> = ours.collect();
        let namespaces = self.cluster.ask(&["get", "namespaces", "-o", "name"])?;
        let ours = namespaces.lines().filter(|name| name.ends_with(&self.namespace));
        left.extend(ours);
        Ok(left.join(", "))
    }

    fn clear(&self) {
        let here = ["-n", self.namespace.as_str()];
        let makers = ["delete", "deployments,statefulsets,hpa", "--all", "--wait=false"];
        self.cluster.tidy(&[&here[..], &makers].concat(), WITHIN);
        let pods = ["delete", "pods", "--all", "--grace-period=1"];
        self.cluster.tidy(&[&here[..], &pods].concat(), WITHIN);
        self.volumes.sweep();
        let gone = ["delete", "namespace", &self.namespace, "--ignore-not-found"];
        self.cluster.tidy(&gone, DELETED_WITHIN);
        self.volumes.delete();
    }

    fn write_schema(&self, schema: &str) -> Result<(), Trouble> {
        self.write("base/mesh.toml", schema)
    }

    fn write(&self, name: &str, content: &str) -> Result<(), Trouble> {
        let path = self.folder.path().join(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, content));
        written.map_err(|error| Trouble::Failed(format!("{}: {error}", path.display())))
    }

    /// An overlay over that of one machine: another namespace, our image, a fixed number.
    fn overlay(&self, version: Version) -> String {
        let under = if self.cluster.is_new { "one-machine" } else { "kubernetes-1.20" };
        let (name, tag) = self.image.rsplit_once(':').unwrap_or((&self.image, "latest"));
        let namespace = &self.namespace;
        let left_out = if version.pods_have_print {
            String::new()
        } else {
            "  - target: { kind: Deployment, name: thumbnailer }
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/args
        value: [--leave-out, print]
"
            .to_owned()
        };
        format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {namespace}
resources: [../{under}]
images:
  - {{ name: meshwork, newName: {name}, newTag: \"{tag}\" }}
  - {{ name: meshwork-thumbnails, newName: {name}, newTag: \"{tag}\" }}
patches:
  - target: {{ kind: HorizontalPodAutoscaler }}
    patch: |
      - {{ op: replace, path: /spec/maxReplicas, value: {THUMBNAILERS} }}
{left_out}"
        )
    }
}

impl Drop for Mesh<'_> {
    fn drop(&mut self) {
        let name = format!("namespace/{}", self.namespace);
        // After `delete` there is nothing left.
        if self.cluster.deaf().ask(&["get", &name, "-o", "name"]).is_ok() {
            self.clear();
        }
    }
}

/// The schema of the example.
pub(super) fn schema() -> Result<String, Trouble> {
    let path = workspace::root().join("k8s/base/mesh.toml");
    let read = fs::read_to_string(&path);
    read.map_err(|error| Trouble::Failed(format!("{}: {error}", path.display())))
}

/// The schema before `print` was in it.
fn schema_without_print() -> Result<String, Trouble> {
    let schema = schema()?;
    let lines = schema.lines().filter(|line| !line.starts_with("print = "));
    Ok(lines.map(|line| format!("{line}\n")).collect())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&path, &to)?;
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "toml") {
            fs::copy(path, to)?;
        }
    }
    Ok(())
}
