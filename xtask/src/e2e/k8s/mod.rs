//! `cargo xtask e2e k8s`: the manifests of `k8s/` on a real cluster, and deploys that drop nothing:
//! under a steady load of calls and jobs, everything is replaced, evicted, killed and changed. Each
//! step is judged by what the load reports, call by call and job by job.
//!
//! * `cluster.rs`: `kubectl`
//! * `mesh.rs`: the mesh in a namespace of its own; taken away when dropped
//! * `keys.rs`, `volumes.rs`: what it needs beside its manifests
//! * `pods.rs`: pods as the cluster tells of them
//! * `load.rs`: the steady load, in a pod
//! * `scene.rs`: replaced, evicted, killed
//! * `broken.rs`: schemas that are refused

mod broken;
mod cluster;
mod keys;
mod load;
mod mesh;
mod pods;
mod scene;
mod volumes;

use std::path::PathBuf;

use cluster::{Cluster, KUBECONFIG};
use mesh::{Mesh, THUMBNAILERS};
use pods::serving;
use scene::{OLD, Scene};
use serde_json::json;

use super::engine::Engine;
use super::images::Image;
use super::steps::{Ended, Steps};
use crate::signals::{Signals, Trouble};
use crate::test::report::Outcome;

/// What a pod is asked about its own rights.
const RIGHTS: &str = "id -u; touch /x 2>/dev/null && echo writes; \
                      ls /var/run/secrets/kubernetes.io 2>/dev/null; ls /run/meshwork";

/// The answer: its user, nothing written, no token, its own key.
const RESTRICTED: &str = "10001\njoin.key\n";

#[derive(clap::Args)]
#[command(after_help = "Takes the cluster that KUBECONFIG names, of 1.20 or newer, and makes a\n\
    namespace of its own there. Without --image it builds one with the Docker engine here,\n\
    whose images the cluster must be able to run. Without a default StorageClass, volumes are\n\
    folders in /tmp of the node.\n\n\
    Exit codes: 0 every step held, 1 one did not, 2 wrong arguments, 130 interrupted.")]
pub(crate) struct Arguments {
    /// An image of the thumbnails example that the cluster has or can pull, as `name:tag`
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// The `meshwork` command that makes the keys, instead of the one that is built here
    #[arg(long, value_name = "FILE")]
    meshwork: Option<PathBuf>,
    /// Print a line of JSON for each step
    #[arg(long)]
    json: bool,
    /// Keep what the pods logged in this folder
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
}

/// Runs all steps.
///
/// # Errors
/// A step did not hold, or a signal came. Nothing is left of it then.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Trouble> {
    let signals = Signals::watch()?;
    let cluster = Cluster::find(&signals)?;
    let mut steps = Steps::new(arguments.json);
    let name = format!("meshwork-e2e-{}", std::process::id());
    match &arguments.image {
        Some(image) => all(arguments, &mut steps, &cluster, &name, image)?,
        None => {
            let engine = Engine::find(&signals)?;
            let mut image = None;
            steps.run("image", "the image of the example", || {
                image = Some(Image::thumbnails(&engine, &format!("{name}:test"), false)?);
                Ok(Ended::Held(Vec::new()))
            })?;
            let Some(image) = image else { return Err("there is no image".to_owned().into()) };
            all(arguments, &mut steps, &cluster, &name, &image.name)?;
        }
    }
    steps.sum_up();
    Ok(())
}

/// The stage of `cargo xtask test`.
pub(crate) fn stage() -> Outcome {
    super::stage("k8s", |child| {
        if let Some(missing) = Engine::missing() {
            return Some(missing);
        }
        match Cluster::kubeconfig() {
            Ok(config) => {
                child.env(KUBECONFIG, &config);
                Cluster::missing(&config)
            }
            Err(missing) => Some(missing),
        }
    })
}

fn all(
    arguments: &Arguments,
    steps: &mut Steps,
    cluster: &Cluster,
    namespace: &str,
    image: &str,
) -> Result<(), Trouble> {
    let mut mesh = None;
    let keys = arguments.meshwork.as_deref();
    steps.run("deploy", "the overlay of one machine, until all is ready", || {
        let created = mesh.insert(Mesh::create(cluster, namespace, image, keys)?);
        deploy(created)
    })?;
    let Some(mesh) = mesh else { return Err("there is no mesh".to_owned().into()) };
    let told = busy_day(steps, &mesh);
    if let Some(folder) = &arguments.logs {
        mesh.keep_logs(folder);
    }
    told?;
    steps.run("down", "nothing is left behind", || {
        let left = mesh.delete()?;
        if left.is_empty() { Ok(Ended::Held(Vec::new())) } else { Err(left.into()) }
    })
}

fn deploy(mesh: &Mesh<'_>) -> Result<Ended, Trouble> {
    mesh.apply(OLD)?;
    for workload in ["statefulset/redis", "deployment/master", "deployment/gateway"] {
        mesh.until_rolled_out(workload)?;
    }
    let pods = mesh.until_pods("thumbnailer", "the thumbnailers are ready", |pods| {
        serving(pods).len() == THUMBNAILERS
    })?;
    for pod in &pods {
        let answer = mesh.ask(&["exec", &pod.name, "--", "sh", "-c", RIGHTS])?;
        if answer != RESTRICTED {
            return Err(format!("{} has more rights than it needs: {answer}", pod.name).into());
        }
    }
    let ready = mesh.worker(&pods[0].name, "/readyz")?;
    let frame = mesh.json(&["exec", "deploy/master", "--", "meshwork", "top", "--json"])?;
    let store = &frame["mesh"]["queue_store"];
    if store["state"] != "reachable" {
        // Nor would its dashboard retry dead jobs.
        return Err(format!("the master does not reach the queues: {store}").into());
    }
    Ok(Ended::Held(vec![
        ("cluster", json!(mesh.cluster.version)),
        ("thumbnailers", json!(pods.len())),
        ("one says", ready),
    ]))
}

/// Everything between the deployment and its end.
fn busy_day(steps: &mut Steps, mesh: &Mesh<'_>) -> Result<(), Trouble> {
    let mut scene = Scene::begin(mesh)?;
    steps.run("load", "calls and jobs at a steady rate", || scene.steady())?;
    steps
        .run("command", "the schema gets a command; nothing restarts", || scene.command_added())?;
    steps.run("old", "a pod from before is evicted, and joins again", || scene.evicted())?;
    steps.run("update", "thumbnailers that serve the command, one by one", || scene.updated())?;
    steps.run("master", "the master is replaced", || scene.master_replaced())?;
    steps.run("evict", "a pod is evicted, as from a node", || scene.evicted())?;
    steps.run("kill", "a pod is deleted without grace", || scene.killed())?;
    steps.run("broken", "schemas that are refused", || scene.broken_schemas())?;
    steps.run("end", "the load ends, and nothing is owed", || scene.end())
}
