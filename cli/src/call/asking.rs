//! How a command is asked for: what the schema says of it, and what the command line asks beyond.

use std::time::Duration;

use futures_util::future::join_all;
use meshwork_schema::{CommandSchema, Delivery, Variant};
use meshwork_worker::{CallError, InstanceOutcome, Receipt, Worker};
use serde_json::Value;

use super::target::Target;
use crate::exit::CommandError;

/// How a command is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// One instance, in turn.
    One,
    /// This instance.
    Variant(Variant),
    /// Each instance of a balanced command, one by one.
    Each,
    /// Every instance, as the schema says.
    Broadcast,
    /// One instance's queue.
    Enqueue,
    /// The queues of all instances, or of one.
    EnqueueBroadcast(Option<Variant>),
}

/// What came of asking.
pub(super) enum Asked {
    One(Result<Value, CallError>),
    All(Vec<InstanceOutcome<Value>>),
}

/// What the caller chose beside the command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choices {
    pub(super) timeout: Option<Duration>,
    pub(super) wait: bool,
}

impl Asking {
    /// # Errors
    /// What was asked for does not go with what the schema says of the command.
    pub(super) fn choose(
        command: &CommandSchema,
        to: Option<&Variant>,
        all: bool,
    ) -> Result<Self, CommandError> {
        let name = &command.name;
        match (command.delivery, command.queued) {
            (Delivery::Broadcast, true) => Ok(Self::EnqueueBroadcast(to.cloned())),
            (Delivery::Balanced, true) if all || to.is_some() => Err(CommandError::usage(format!(
                "a job of `{name}` is for whichever instance is free, not for a chosen one"
            ))),
            (Delivery::Balanced, true) => Ok(Self::Enqueue),
            (_, false) if to.is_some() => Ok(to.cloned().map_or(Self::One, Self::Variant)),
            (Delivery::Broadcast, false) => Ok(Self::Broadcast),
            (Delivery::Balanced, false) if all => Ok(Self::Each),
            (Delivery::Balanced, false) => Ok(Self::One),
        }
    }

    /// Asks.
    pub(super) async fn ask(
        &self,
        worker: &Worker,
        target: &Target,
        argument: &Value,
        choices: Choices,
    ) -> Asked {
        match self {
            Self::One => Asked::One(one(worker, target, argument, choices).await),
            Self::Variant(variant) => {
                let reply = direct(worker, target, variant, argument, choices.timeout).await;
                Asked::One(reply)
            }
            Self::Each => Asked::All(each(worker, target, argument, choices.timeout).await),
            Self::Broadcast => Asked::All(broadcast(worker, target, argument, choices).await),
            Self::Enqueue => Asked::One(enqueue(worker, target, argument, choices).await),
            Self::EnqueueBroadcast(only) => {
                let only = only.as_ref();
                Asked::All(enqueue_broadcast(worker, target, only, argument, choices).await)
            }
        }
    }
}

async fn one(
    worker: &Worker,
    target: &Target,
    argument: &Value,
    choices: Choices,
) -> Result<Value, CallError> {
    let mut call = worker.call_json(target.worker.as_str(), target.command.as_str(), argument);
    if let Some(timeout) = choices.timeout {
        call = call.deadline(timeout);
    }
    if choices.wait {
        call = call.wait_for_ready();
    }
    call.await
}

async fn direct(
    worker: &Worker,
    target: &Target,
    variant: &Variant,
    argument: &Value,
    timeout: Option<Duration>,
) -> Result<Value, CallError> {
    let mut peer = worker.peer(target.worker.as_str(), variant.as_str())?;
    if let Some(timeout) = timeout {
        peer = peer.deadline(timeout);
    }
    peer.call_json(target.command.as_str(), argument).await
}

async fn each(
    worker: &Worker,
    target: &Target,
    argument: &Value,
    timeout: Option<Duration>,
) -> Vec<InstanceOutcome<Value>> {
    let members = worker.members(target.worker.as_str());
    let serving = members.iter().filter(|member| member.serves(target.command.as_str()));
    let asked = serving.map(|member| async move {
        let instance = member.key.clone();
        let result = direct(worker, target, &instance.variant, argument, timeout).await;
        InstanceOutcome { instance, result }
    });
    join_all(asked).await
}

async fn broadcast(
    worker: &Worker,
    target: &Target,
    argument: &Value,
    choices: Choices,
) -> Vec<InstanceOutcome<Value>> {
    let (callee, command) = (target.worker.as_str(), target.command.as_str());
    let mut broadcast = worker.broadcast_json(callee, command, argument);
    if let Some(timeout) = choices.timeout {
        broadcast = broadcast.deadline(timeout);
    }
    broadcast.await.into_iter().collect()
}

async fn enqueue(
    worker: &Worker,
    target: &Target,
    argument: &Value,
    choices: Choices,
) -> Result<Value, CallError> {
    let (callee, command) = (target.worker.as_str(), target.command.as_str());
    let mut enqueue = worker.enqueue_json(callee, command, argument);
    if let Some(timeout) = choices.timeout {
        enqueue = enqueue.deadline(timeout);
    }
    enqueue.await.map(|receipt| receipt_json(&receipt))
}

async fn enqueue_broadcast(
    worker: &Worker,
    target: &Target,
    only: Option<&Variant>,
    argument: &Value,
    choices: Choices,
) -> Vec<InstanceOutcome<Value>> {
    let (callee, command) = (target.worker.as_str(), target.command.as_str());
    let mut broadcast = worker.enqueue_broadcast_json(callee, command, argument);
    if let Some(timeout) = choices.timeout {
        broadcast = broadcast.deadline(timeout);
    }
    if let Some(variant) = only {
        broadcast = broadcast.only([variant.clone()]);
    }
    let receipts = broadcast.await.into_iter().map(|outcome| InstanceOutcome {
        instance: outcome.instance,
        result: outcome.result.map(|receipt| receipt_json(&receipt)),
    });
    receipts.collect()
}

fn receipt_json(receipt: &Receipt) -> Value {
    // Names and numbers only, which JSON can always say.
    serde_json::to_value(receipt).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use meshwork_schema::Schema;

    use super::*;

    fn choose(command: &str, to: Option<&str>, all: bool) -> Option<Asking> {
        let schema = Schema::from_toml(
            "[a._commands._balanced]\nask = {}\njob = { queued = true }\n\
             [a._commands._broadcast]\nall = { responds = true }\nnote = { queued = true }\n",
        );
        let schema = schema.unwrap();
        let (_, command) = schema.worker("a").unwrap().command(command).unwrap();
        let to = to.map(|variant| variant.parse().unwrap());
        Asking::choose(command, to.as_ref(), all).ok()
    }

    #[test]
    fn the_schema_says_how_and_the_caller_may_narrow_it() {
        let pod: Variant = "pod-1".parse().unwrap();
        assert_eq!(choose("ask", None, false), Some(Asking::One));
        assert_eq!(choose("ask", None, true), Some(Asking::Each));
        assert_eq!(choose("ask", Some("pod-1"), false), Some(Asking::Variant(pod.clone())));
        assert_eq!(choose("all", None, false), Some(Asking::Broadcast));
        assert_eq!(choose("all", Some("pod-1"), false), Some(Asking::Variant(pod.clone())));
        assert_eq!(choose("job", None, false), Some(Asking::Enqueue));
        assert_eq!(choose("job", None, true), None);
        assert_eq!(choose("job", Some("pod-1"), false), None);
        assert_eq!(choose("note", None, false), Some(Asking::EnqueueBroadcast(None)));
        assert_eq!(choose("note", Some("pod-1"), true), Some(Asking::EnqueueBroadcast(Some(pod))));
    }
}
