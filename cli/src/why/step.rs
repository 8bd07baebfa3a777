//! One step of the way of a call, and what it says.

use serde::Serialize;

/// What a step says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// Go on.
    Yes,
    /// Go on, but look at this: it holds for some instances only, or is not known.
    Doubt,
    /// No call gets beyond this.
    No,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    /// A word for programs: `schema`, `_connect` and so on.
    pub(super) step: &'static str,
    pub(super) verdict: Verdict,
    /// What was found, one line.
    pub(super) what: String,
    /// What to do about it, in whole lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

impl Step {
    pub(super) fn yes(step: &'static str, what: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Yes, what: what.into(), advice: None }
    }

    pub(super) fn doubt(
        step: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into());
        Self { step, verdict: Verdict::Doubt, what: what.into(), advice }
    }

    pub(super) fn no(
        step: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into());
        Self { step, verdict: Verdict::No, what: what.into(), advice }
    }
}

/// Whether a walk ended at a step that says no.
pub(super) fn is_no(steps: &[Step]) -> bool {
    steps.last().is_some_and(|step| step.verdict == Verdict::No)
}
