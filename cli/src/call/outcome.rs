//! What became of a call: for people, for programs, and as an exit code.

use meshwork_worker::{CallError, InstanceOutcome};
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::table::{Side, Table};
use crate::terminal::{Paint, complain_in_short, say, say_json, screen_safe};

/// Shows the outcome of a call to one instance.
pub(super) fn show_one(result: &Result<Value, CallError>, as_json: bool) -> Exit {
    if as_json {
        say_json(&described(result));
    } else {
        match result {
            Ok(reply) => say(&format!("{}\n", shown(reply))),
            Err(error) => complain_in_short(&screen_safe(&explained(error))),
        }
    }
    exit_of(result)
}

/// Shows the outcomes of a broadcast: one row per instance.
pub(super) fn show_all(outcomes: &[InstanceOutcome<Value>], as_json: bool) -> Exit {
    if as_json {
        let described: Vec<Value> = outcomes.iter().map(described_instance).collect();
        say_json(&json!({ "outcomes": described }));
    } else if outcomes.is_empty() {
        complain_in_short("nobody was asked: no instance of that worker is linked");
    } else {
        say(&table(outcomes));
    }
    let exits = outcomes.iter().map(|outcome| exit_of(&outcome.result));
    exits.max().unwrap_or(Exit::NotExecuted)
}

fn exit_of(result: &Result<Value, CallError>) -> Exit {
    match result {
        Ok(_) => Exit::Ok,
        Err(CallError::NotExecuted { .. }) => Exit::NotExecuted,
        Err(CallError::Failed { .. }) => Exit::CallFailed,
        Err(CallError::Unknown { .. }) => Exit::Unknown,
    }
}

/// The outcome as JSON. The words are stable; `docs/CLI.md` lists them.
fn described(result: &Result<Value, CallError>) -> Value {
    match result {
        Ok(reply) => json!({ "outcome": "ok", "reply": reply }),
        Err(error) => {
            let (outcome, cause) = match error {
                CallError::NotExecuted { reason } => ("not_executed", serde_json::to_value(reason)),
                CallError::Failed { code, message, details } => {
                    ("failed", Ok(json!({ "code": code, "message": message, "details": details })))
                }
                CallError::Unknown { cause, .. } => ("unknown", serde_json::to_value(cause)),
            };
            let mut described = Map::new();
            described.insert("outcome".to_owned(), outcome.into());
            described.insert("message".to_owned(), error.to_string().into());
            // Both causes are maps with words as keys, which JSON can always say.
            if let Ok(Value::Object(cause)) = cause {
                described.extend(cause);
            }
            described.insert("safe_to_retry".to_owned(), error.is_safe_to_retry().into());
            Value::Object(described)
        }
    }
}

fn described_instance(outcome: &InstanceOutcome<Value>) -> Value {
    let mut described = described(&outcome.result);
    if let Value::Object(map) = &mut described {
        map.insert("worker".to_owned(), outcome.instance.worker.to_string().into());
        map.insert("variant".to_owned(), outcome.instance.variant.to_string().into());
    }
    described
}

fn table(outcomes: &[InstanceOutcome<Value>]) -> String {
    let paint = Paint::stdout();
    let headings = [("instance", Side::Left), ("outcome", Side::Left), ("reply", Side::Left)];
    let mut table = Table::new(headings, paint);
    for outcome in outcomes.iter() {
        let (word, text) = match &outcome.result {
            Ok(reply) => ("ok", reply.to_string()),
            Err(error) => (word(error), explained(error)),
        };
        table.push([outcome.instance.to_string(), word.to_owned(), screen_safe(&text)]);
    }
    table.to_string()
}

fn word(error: &CallError) -> &'static str {
    match error {
        CallError::NotExecuted { .. } => "not executed",
        CallError::Failed { .. } => "failed",
        CallError::Unknown { .. } => "unknown",
    }
}

fn explained(error: &CallError) -> String {
    let advice = match error {
        CallError::NotExecuted { .. } => "; no handler ran",
        CallError::Unknown { .. } => "; retry only if it may run twice",
        CallError::Failed { .. } => "",
    };
    let details = match error {
        CallError::Failed { details: Some(details), .. } => format!("\n{}", shown(details)),
        _ => String::new(),
    };
    format!("{error}{advice}{details}")
}

/// JSON over several lines where somebody reads it, with what could steer a terminal made visible.
fn shown(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    screen_safe(&text)
}

#[cfg(test)]
mod tests {
    use meshwork_worker::{NotExecuted, UnknownCause};

    use super::*;

    #[test]
    fn every_outcome_has_a_word_and_an_exit_code() {
        let refused = Err(CallError::not_executed(NotExecuted::overloaded("backlog")));
        let described_refusal = described(&refused);
        assert_eq!(described_refusal["outcome"], "not_executed");
        assert_eq!(described_refusal["reason"], "overloaded");
        assert_eq!(described_refusal["safe_to_retry"], true);
        assert_eq!(exit_of(&refused), Exit::NotExecuted);

        let call_id = serde_json::from_value(json!(7)).unwrap();
        let lost = Err(CallError::Unknown { call_id, cause: UnknownCause::LinkLost });
        assert_eq!(described(&lost)["cause"], "link_lost");
        assert_eq!(described(&lost)["safe_to_retry"], false);
        assert_eq!(exit_of(&lost), Exit::Unknown);

        let said_no = Err(CallError::Failed {
            code: "sold_out".to_owned(),
            message: "none left".to_owned(),
            details: Some(json!({ "left": 0 })),
        });
        assert_eq!(described(&said_no)["code"], "sold_out");
        assert_eq!(described(&said_no)["details"]["left"], 0);
        assert_eq!(exit_of(&said_no), Exit::CallFailed);
        assert_eq!(described(&Ok(json!(1)))["reply"], 1);
    }

    #[test]
    fn the_worst_outcome_has_the_highest_code() {
        assert!(Exit::Unknown > Exit::CallFailed);
        assert!(Exit::CallFailed > Exit::NotExecuted);
        assert!(Exit::NotExecuted > Exit::Ok);
    }
}
