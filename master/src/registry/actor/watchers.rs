//! Those who look on: reports of workers in, events and the picture of the mesh out. Workers report
//! often only while somebody looks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Context, Handler, Message, MessageResult};
use meshwork_schema::{Fingerprint, Schema};
use meshwork_shared::protocol::{MemberKey, Pace, Report};
use tokio::time::Instant;

use super::{RegistryActor, SessionId};
use crate::audit::label;
use crate::events::EventKind;
use crate::figures::{CommandPicture, ProcessFigures, QueuePicture, TrafficPicture};
use crate::registry::{Audit, MemberInfo};

/// How often workers report while somebody looks.
const WATCHED: Pace = Pace { report_every_ms: 1000 };

/// For so long after a look somebody is taken to look.
const LOOK: Duration = Duration::from_secs(15);

/// What does the mesh look like?
#[derive(Message)]
#[rtype(result = "MeshStatus")]
pub(crate) struct MeshNow;

/// What the mesh looks like.
pub(crate) struct MeshStatus {
    pub(crate) epoch: u64,
    pub(crate) settled: bool,
    /// How long the master runs.
    pub(crate) uptime: Duration,
    pub(crate) schema: Arc<Schema>,
    pub(crate) number: u64,
    pub(crate) fingerprint: Fingerprint,
    /// With what each says of its process, and how long ago.
    pub(crate) members: Vec<(MemberInfo, Option<(ProcessFigures, Duration)>)>,
    /// Pairs of places in `members`.
    pub(crate) links: Vec<(usize, usize)>,
    pub(crate) commands: Vec<CommandPicture>,
    pub(crate) traffic: Vec<TrafficPicture>,
    pub(crate) queues: Vec<QueuePicture>,
}

impl Handler<MeshNow> for RegistryActor {
    type Result = MessageResult<MeshNow>;

    fn handle(&mut self, _: MeshNow, _: &mut Context<Self>) -> Self::Result {
        self.look();
        let now = self.now().at;
        let (schema, number, fingerprint) = self.registry.schema();
        let of_process = |info: &MemberInfo| {
            let (process, age) = self.figures.process(&info.member.key, now)?;
            Some((process.clone(), age))
        };
        let members = self.registry.members().map(|info| {
            let process = of_process(&info);
            (info, process)
        });
        let members: Vec<_> = members.collect();
        let places: BTreeMap<&MemberKey, usize> = members
            .iter()
            .enumerate()
            .map(|(place, (info, _))| (&info.member.key, place))
            .collect();
        // An end that is no member is none that could be shown.
        let links = self.figures.links();
        let links = links.filter_map(|(a, b)| Some((*places.get(a)?, *places.get(b)?))).collect();
        MessageResult(MeshStatus {
            epoch: self.registry.epoch(),
            settled: self.registry.is_settled(),
            uptime: now,
            schema: Arc::clone(schema),
            number,
            fingerprint,
            links,
            commands: self.figures.commands(now),
            traffic: self.figures.traffic(now),
            queues: self.figures.queues(now),
            members,
        })
    }
}

impl RegistryActor {
    /// A worker says how it is.
    pub(super) fn take_report(&mut self, session: SessionId, report: Report) {
        let now = self.now().at;
        // One that has not joined, or is none any more, is nobody's.
        let Some(member) = self.registry.member_on(session) else { return };
        let (key, incarnation) = (member.key.clone(), member.incarnation);
        let schema = self.registry.schema().0;
        let told = self.figures.take(&key, incarnation, report, schema, now);
        told.into_iter().for_each(|event| self.events.push(event));
        let is_watched = self.is_watched();
        if let Some(entry) = self.sessions.find_mut(session)
            && !entry.reports
        {
            entry.reports = true;
            if is_watched {
                self.sessions.cast(session, &WATCHED);
            }
        }
    }

    /// What happened to a member, as the registry says.
    pub(super) fn happened(&mut self, event: EventKind) {
        let over = match &event {
            EventKind::Left { member, .. } | EventKind::Lost { member } => Some(member.clone()),
            _ => None,
        };
        self.events.push(event);
        let told = over.map(|member| self.figures.forget(&member)).unwrap_or_default();
        told.into_iter().for_each(|event| self.events.push(event));
    }

    /// Writes to the audit log, and tells those who look on.
    pub(super) fn audit(&mut self, audit: Audit) {
        let Some(times) = self.audit.write(&audit, Instant::now()) else { return };
        let cause = label(&audit);
        match audit {
            Audit::Admitted { key, incarnation, node, returned } => {
                self.events.push(EventKind::Joined { member: key, incarnation, node, returned });
            }
            Audit::Refused { key, node, refusal } => {
                let event = EventKind::admission_refused(key, node, cause, &refusal, times);
                self.events.push(event);
            }
            _ => {}
        }
    }

    /// Tells of handshakes that were refused.
    pub(super) fn tell_refusals(&self) {
        let told = self.doorman.refusals(Instant::now());
        told.into_iter().for_each(|event| self.events.push(event));
    }

    /// Somebody looks.
    fn look(&mut self) {
        let was_watched = self.is_watched();
        self.looked_at = Some(Instant::now());
        if !was_watched {
            self.set_pace(WATCHED);
        }
    }

    /// Lets workers report less often once nobody looks any more.
    pub(super) fn look_away(&mut self) {
        if self.looked_at.is_some() && !self.is_watched() {
            self.looked_at = None;
            self.set_pace(Pace::default());
        }
    }

    fn is_watched(&self) -> bool {
        self.looked_at.is_some_and(|at| at.elapsed() < LOOK)
    }

    fn set_pace(&self, pace: Pace) {
        // The others are of a time before reports.
        let reporting = self.sessions.all().filter(|(_, entry)| entry.reports);
        let reporting: Vec<_> = reporting.map(|(session, _)| session).collect();
        reporting.into_iter().for_each(|session| self.sessions.cast(session, &pace));
    }
}
