//! Broadcasts: every expected instance is asked, and each has an outcome of its own. A broadcast
//! never fails as a whole.

use std::collections::BTreeSet;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use meshwork_schema::Variant;
use meshwork_shared::link::message::{Body, Request};
use meshwork_shared::outcome::{CallError, NotExecuted};
use meshwork_shared::protocol::MemberKey;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::metered::Metered;
use super::options::CallOptions;
use super::{Asking, Outgoing, decode, send};
use crate::routes::Instance;
use crate::worker::Worker;

/// What became of a broadcast at one instance.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceOutcome<R> {
    /// Worker and variant.
    pub instance: MemberKey,
    /// Its answer, its error, or that it left or stayed silent until the deadline.
    pub result: Result<R, CallError>,
}

/// The outcomes of a broadcast: one per expected instance, by variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcomes<R> {
    outcomes: Vec<InstanceOutcome<R>>,
}

impl<R> Outcomes<R> {
    pub(crate) fn new(outcomes: Vec<InstanceOutcome<R>>) -> Self {
        Self { outcomes }
    }

    /// One outcome per expected instance.
    pub fn iter(&self) -> impl Iterator<Item = &InstanceOutcome<R>> {
        self.outcomes.iter()
    }

    /// How many instances were expected.
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// True when there was nobody to ask.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// The answers that came, with who gave them.
    pub fn answers(&self) -> impl Iterator<Item = (&MemberKey, &R)> {
        self.outcomes.iter().filter_map(|outcome| {
            outcome.result.as_ref().ok().map(|answer| (&outcome.instance, answer))
        })
    }

    /// Who did not answer, and why.
    pub fn errors(&self) -> impl Iterator<Item = (&MemberKey, &CallError)> {
        self.outcomes.iter().filter_map(|outcome| {
            outcome.result.as_ref().err().map(|error| (&outcome.instance, error))
        })
    }
}

impl<R> IntoIterator for Outcomes<R> {
    type Item = InstanceOutcome<R>;
    type IntoIter = std::vec::IntoIter<InstanceOutcome<R>>;

    fn into_iter(self) -> Self::IntoIter {
        self.outcomes.into_iter()
    }
}

/// A broadcast that is being put together; `.await` makes it.
#[must_use = "a broadcast does nothing until it is awaited"]
pub struct Broadcast<'a, R> {
    worker: &'a Worker,
    callee: &'a str,
    command: &'a str,
    asking: Asking,
    body: Result<Body, NotExecuted>,
    options: CallOptions,
    only: Option<BTreeSet<Variant>>,
    except: BTreeSet<Variant>,
    reply: PhantomData<fn() -> R>,
}

impl<'a, R> Broadcast<'a, R> {
    pub(crate) fn new(
        worker: &'a Worker,
        callee: &'a str,
        command: &'a str,
        asking: Asking,
        body: Result<Body, NotExecuted>,
    ) -> Self {
        let options = CallOptions::default();
        let (only, except) = (None, BTreeSet::new());
        Self { worker, callee, command, asking, body, options, only, except, reply: PhantomData }
    }

    /// With everything chosen already: options, and the variants to ask and not to ask.
    pub(crate) fn chosen(
        worker: &'a Worker,
        callee: &'a str,
        command: &'a str,
        asking: Asking,
        body: Result<Body, NotExecuted>,
        options: CallOptions,
        (only, except): (Option<BTreeSet<Variant>>, BTreeSet<Variant>),
    ) -> Self {
        let broadcast = Self::new(worker, callee, command, asking, body);
        Self { options, only, except, ..broadcast }
    }

    /// Waits for the answers at most this long, instead of the command's `timeout`.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Asks only these variants. One that is not there is not expected.
    pub fn only(mut self, variants: impl IntoIterator<Item = Variant>) -> Self {
        self.only.get_or_insert_default().extend(variants);
        self
    }

    /// Asks all but these variants.
    pub fn except(mut self, variants: impl IntoIterator<Item = Variant>) -> Self {
        self.except.extend(variants);
        self
    }

    fn expects(&self, instance: &Instance) -> bool {
        let variant = &instance.key.variant;
        self.only.as_ref().is_none_or(|only| only.contains(variant))
            && !self.except.contains(variant)
    }

    /// Everyone expected, with the request for each; or why nobody may be asked.
    fn requests(&self) -> Result<Vec<(Arc<Instance>, Request, Metered)>, NotExecuted> {
        let call = Outgoing {
            worker: self.worker,
            callee: self.callee,
            command: self.command,
            asking: self.asking,
            body: self.body.clone()?,
            options: self.options.clone(),
        };
        let routes = self.worker.inner().routes.load();
        let told = |reason: &NotExecuted| call.tell(&CallError::not_executed(reason.clone()));
        let route = call.route(&routes).inspect_err(told)?;
        let began = Instant::now();
        let deadline = call.deadline(route, began);
        let expected = route.instances.iter().filter(|instance| self.expects(instance));
        let request = |to: &Arc<Instance>| {
            let metered = Metered::new(route.track(), began, self.worker.trace());
            let request = call.request(route, to, deadline, metered.trace());
            (to.clone(), request, metered)
        };
        Ok(expected.map(request).collect())
    }
}

impl<R> Broadcast<'_, R> {
    /// Asks everyone expected; `read` makes an answer of what comes back.
    async fn run<A>(self, read: impl Fn(Body) -> Result<A, CallError>) -> Outcomes<A> {
        let requests = match self.requests() {
            Ok(requests) => requests,
            Err(reason) => return self.refused(&reason),
        };
        let read = &read;
        let asked = requests.into_iter().map(|(to, request, metered)| async move {
            let result = send(&to, request, metered, read).await;
            InstanceOutcome { instance: to.key.clone(), result }
        });
        Outcomes { outcomes: join_all(asked).await }
    }

    /// Nobody may be asked: each instance that is there says so.
    fn refused<A>(&self, reason: &NotExecuted) -> Outcomes<A> {
        let routes = self.worker.inner().routes.load();
        let expected =
            routes.instances(self.callee).iter().filter(|instance| self.expects(instance));
        let outcome = |instance: &Arc<Instance>| InstanceOutcome {
            instance: instance.key.clone(),
            result: Err(CallError::not_executed(reason.clone())),
        };
        Outcomes { outcomes: expected.map(outcome).collect() }
    }
}

impl<'a, R: DeserializeOwned + Send + 'static> IntoFuture for Broadcast<'a, R> {
    type Output = Outcomes<R>;
    type IntoFuture = Pin<Box<dyn Future<Output = Outcomes<R>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run(decode))
    }
}

/// A broadcast of raw bytes; `.await` makes it.
#[must_use = "a broadcast does nothing until it is awaited"]
pub struct RawBroadcast<'a>(pub(crate) Broadcast<'a, ()>);

impl RawBroadcast<'_> {
    /// As [`Broadcast::deadline`].
    pub fn deadline(self, deadline: Duration) -> Self {
        Self(self.0.deadline(deadline))
    }

    /// As [`Broadcast::only`].
    pub fn only(self, variants: impl IntoIterator<Item = Variant>) -> Self {
        Self(self.0.only(variants))
    }

    /// As [`Broadcast::except`].
    pub fn except(self, variants: impl IntoIterator<Item = Variant>) -> Self {
        Self(self.0.except(variants))
    }
}

impl<'a> IntoFuture for RawBroadcast<'a> {
    type Output = Outcomes<Bytes>;
    type IntoFuture = Pin<Box<dyn Future<Output = Outcomes<Bytes>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.0.run(|body| Ok(body.bytes)))
    }
}
