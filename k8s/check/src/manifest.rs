//! Text to typed objects, strictly: a field that the type does not have is a mistake, and so is an
//! API version that the newest Kubernetes does not serve.

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, PersistentVolumeClaim, PodTemplateSpec, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_yaml_ng::Value;
use thiserror::Error;

/// One object of a manifest.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The kinds of Kubernetes.
pub enum Object {
    ConfigMap(Box<ConfigMap>),
    Deployment(Box<Deployment>),
    HorizontalPodAutoscaler(Box<HorizontalPodAutoscaler>),
    Namespace(Box<Namespace>),
    NetworkPolicy(Box<NetworkPolicy>),
    PersistentVolumeClaim(Box<PersistentVolumeClaim>),
    PodDisruptionBudget(Box<PodDisruptionBudget>),
    Secret(Box<Secret>),
    Service(Box<Service>),
    ServiceAccount(Box<ServiceAccount>),
    StatefulSet(Box<StatefulSet>),
}

/// Why a manifest cannot be taken. The author's to mend.
#[derive(Debug, Error)]
pub enum Mistake {
    /// It is no YAML.
    #[error("no YAML: {0}")]
    Yaml(#[from] serde_yaml_ng::Error),
    /// There is no such kind in that version, as far as these manifests use kinds.
    #[error("{kind} {name}: there is no {version} {kind}")]
    Unknown {
        /// `apiVersion`.
        version: String,
        /// `kind`.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A field has the wrong type, or a needed one is missing.
    #[error("{kind} {name}: {cause}")]
    Wrong {
        /// `kind`.
        kind: String,
        /// Its name.
        name: String,
        /// What is wrong.
        cause: serde_yaml_ng::Error,
    },
    /// Fields that the kind does not have.
    #[error("{kind} {name}: no such field: {}", fields.join(", "))]
    Fields {
        /// `kind`.
        kind: String,
        /// Its name.
        name: String,
        /// Paths of the fields.
        fields: Vec<String>,
    },
}

/// What every object has, and all that is needed to find its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
    #[serde(default)]
    metadata: ObjectMeta,
}

/// All objects of a text of one or more YAML documents.
///
/// # Errors
/// The first [`Mistake`].
pub fn read(text: &str) -> Result<Vec<Object>, Mistake> {
    let mut objects = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let value = Value::deserialize(document)?;
        if !value.is_null() {
            objects.push(object(value)?);
        }
    }
    Ok(objects)
}

fn object(value: Value) -> Result<Object, Mistake> {
    let head: Head = serde_yaml_ng::from_value(value.clone())?;
    macro_rules! of_kind {
        ($($kind:ident),+) => {
            $(if (head.api_version.as_str(), head.kind.as_str())
                == ($kind::API_VERSION, $kind::KIND)
            {
                return Ok(Object::$kind(Box::new(strictly(value, &head)?)));
            })+
        };
    }
    of_kind!(
        ConfigMap,
        Deployment,
        HorizontalPodAutoscaler,
        Namespace,
        NetworkPolicy,
        PersistentVolumeClaim,
        PodDisruptionBudget,
        Secret,
        Service,
        ServiceAccount,
        StatefulSet
    );
    let name = head.metadata.name.unwrap_or_default();
    Err(Mistake::Unknown { version: head.api_version, kind: head.kind, name })
}

fn strictly<T: DeserializeOwned>(value: Value, head: &Head) -> Result<T, Mistake> {
    let (kind, name) = (head.kind.clone(), head.metadata.name.clone().unwrap_or_default());
    let mut fields = Vec::new();
    // A `?` stands for a field that may be missing.
    let path = |path: serde_ignored::Path<'_>| path.to_string().replace(".?", "");
    match serde_ignored::deserialize(value, |ignored| fields.push(path(ignored))) {
        Err(cause) => Err(Mistake::Wrong { kind, name, cause }),
        Ok(_) if !fields.is_empty() => Err(Mistake::Fields { kind, name, fields }),
        Ok(typed) => Ok(typed),
    }
}

impl Object {
    /// Its name.
    pub fn name(&self) -> &str {
        let metadata = match self {
            Self::ConfigMap(it) => &it.metadata,
            Self::Deployment(it) => &it.metadata,
            Self::HorizontalPodAutoscaler(it) => &it.metadata,
            Self::Namespace(it) => &it.metadata,
            Self::NetworkPolicy(it) => &it.metadata,
            Self::PersistentVolumeClaim(it) => &it.metadata,
            Self::PodDisruptionBudget(it) => &it.metadata,
            Self::Secret(it) => &it.metadata,
            Self::Service(it) => &it.metadata,
            Self::ServiceAccount(it) => &it.metadata,
            Self::StatefulSet(it) => &it.metadata,
        };
        metadata.name.as_deref().unwrap_or_default()
    }

    /// The pods that it makes, and whom it takes for its own.
    pub fn pods(&self) -> Option<(&PodTemplateSpec, &LabelSelector)> {
        match self {
            Self::Deployment(it) => Some((&it.spec.template, &it.spec.selector)),
            Self::StatefulSet(it) => Some((&it.spec.template, &it.spec.selector)),
            _ => None,
        }
    }
}
