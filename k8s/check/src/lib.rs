//! Holds the manifests of `k8s/` against the types of Kubernetes, strictly, and against our own
//! rules. Used by its own tests only; nothing that is deployed depends on it.
//!
//! * [`manifest`]: text to typed objects; unknown fields and API versions are mistakes
//! * [`rules`]: what must hold of all objects of a rendering together
//! * [`render`]: what `kubectl kustomize` makes of an overlay

pub mod manifest;
pub mod render;
pub mod rules;
