//! Direct calls: one variant and no other.

use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::Variant;
use meshwork_shared::ids::Incarnation;
use meshwork_shared::link::message::{Body, Request};
use meshwork_shared::outcome::{CallError, NotExecuted};
use meshwork_shared::protocol::MemberKey;
use tokio::time::Instant;

use super::metered::Metered;
use super::options::CallOptions;
use super::{Asking, Outgoing, decode, encode, json_body, send};
use crate::command::Command;
use crate::routes::Instance;
use crate::worker::Worker;

/// One instance, to be called directly. Holds a name, not a link: a call goes to whoever holds the
/// name then.
#[derive(Clone, Debug)]
pub struct Peer {
    pub(crate) worker: Worker,
    pub(crate) key: MemberKey,
    pub(crate) options: CallOptions,
}

impl Peer {
    /// Worker and variant.
    pub fn key(&self) -> &MemberKey {
        &self.key
    }

    /// The variant.
    pub fn variant(&self) -> &Variant {
        &self.key.variant
    }

    /// Which life of the variant is linked now.
    pub fn incarnation(&self) -> Option<Incarnation> {
        let routes = self.worker.inner().routes.load();
        let mut instances = routes.instances(self.key.worker.as_str()).iter();
        instances.find(|instance| instance.key == self.key).map(|instance| instance.incarnation)
    }

    /// Waits for answers at most this long, instead of the command's `timeout`.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Calls this instance.
    ///
    /// # Errors
    /// [`CallError`]; nothing is sent twice.
    pub async fn call<C: Command>(&self, command: C) -> Result<C::Reply, CallError> {
        if C::WORKER != self.key.worker.as_str() {
            return Err(CallError::not_executed(NotExecuted::NoSuchCommand));
        }
        let body = encode(&command).map_err(CallError::not_executed)?;
        drop(command);
        self.send(C::NAME, body, decode).await
    }

    /// Calls this instance without types.
    ///
    /// # Errors
    /// As [`Peer::call`].
    pub async fn call_json(
        &self,
        command: &str,
        arguments: &serde_json::Value,
    ) -> Result<serde_json::Value, CallError> {
        self.send(command, json_body(arguments), decode).await
    }

    async fn send<R>(
        &self,
        command: &str,
        body: Body,
        read: fn(Body) -> Result<R, CallError>,
    ) -> Result<R, CallError> {
        let callee = self.key.worker.as_str();
        let options = self.options.clone();
        let asking = Asking::Direct;
        let call = Outgoing { worker: &self.worker, callee, command, asking, body, options };
        let ready = self.request(&call).map_err(CallError::not_executed);
        let (to, request, metered) = ready.inspect_err(|error| call.tell(error))?;
        send(&to, request, metered, read).await
    }

    fn request(
        &self,
        call: &Outgoing<'_>,
    ) -> Result<(Arc<Instance>, Request, Metered), NotExecuted> {
        let began = Instant::now();
        let routes = self.worker.inner().routes.load();
        let route = call.route(&routes)?;
        let to = route.instances.iter().find(|instance| instance.key == self.key);
        let to = to.ok_or(NotExecuted::NoInstance)?.clone();
        let metered = Metered::new(route.track(), began, self.worker.trace());
        let request = call.request(route, &to, call.deadline(route, began), metered.trace());
        Ok((to, request, metered))
    }
}
