//! An event as the master tells it. A newer master may tell of kinds that are not known here: they
//! are shown as they come.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::terminal::screen_safe;

/// The kinds that there are (docs/OBSERVABILITY.md).
pub(crate) const KINDS: [&str; 14] = [
    "master_started",
    "joined",
    "ready",
    "draining",
    "left",
    "lost",
    "link_up",
    "link_down",
    "links_changed",
    "schema_changed",
    "schema_refused",
    "admission_refused",
    "handshake_refused",
    "dead_letter",
];

/// An answer of `/v1/events`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) epoch: u64,
    pub(crate) epoch_changed: bool,
    pub(crate) lost: u64,
    pub(crate) next: u64,
    pub(crate) last: u64,
    pub(crate) events: Vec<Seen>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) at_unix_ms: u64,
    pub(crate) kind: String,
    /// What comes with that kind.
    #[serde(flatten)]
    pub(crate) fields: Map<String, Value>,
}

impl Seen {
    /// Whether somebody should look at it.
    pub(crate) fn is_bad(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "lost"
                | "link_down"
                | "schema_refused"
                | "admission_refused"
                | "handshake_refused"
                | "dead_letter"
        )
    }

    /// What happened, in one line that steers no terminal.
    pub(crate) fn text(&self) -> String {
        let (member, peer) = (self.member("member"), self.member("peer"));
        let text = match self.kind.as_str() {
            "master_started" => {
                format!("version {}, schema {}", self.field("version"), self.field("schema"))
            }
            "joined" if self.fields.get("returned") == Some(&Value::Bool(true)) => {
                format!("{member} is back")
            }
            "joined" | "ready" | "draining" | "lost" => member,
            "left" => format!("{member}: {}", self.field("reason")),
            "link_up" | "link_down" => format!("{member} - {peer}"),
            "links_changed" => {
                format!("{member}: {} up, {} down", self.field("up"), self.field("down"))
            }
            "schema_changed" => format!("schema {} is in force", self.field("schema")),
            "schema_refused" => self.field("report"),
            "admission_refused" => format!("{member}: {}{}", self.field("message"), self.times()),
            "handshake_refused" => {
                format!("{} from {}{}", self.field("cause"), self.field("from"), self.times())
            }
            "dead_letter" => format!(
                "{} {} on {member}, attempt {}: {}",
                self.field("queue"),
                self.field("job"),
                self.field("attempt"),
                self.field("error")
            ),
            _ => Value::Object(self.fields.clone()).to_string(),
        };
        screen_safe(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// How many it stands for, if more than one.
    fn times(&self) -> String {
        let times = self.fields.get("times").and_then(Value::as_u64).unwrap_or(1);
        if times > 1 { format!(" ({times} times)") } else { String::new() }
    }

    /// A field as text; nothing if there is none.
    fn field(&self, name: &str) -> String {
        match self.fields.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    fn member(&self, name: &str) -> String {
        let part = |part| self.fields.get(name)?.get(part)?.as_str();
        match (part("worker"), part("variant")) {
            (Some(worker), Some(variant)) => format!("{worker}/{variant}"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use meshwork_master::events::{Event, EventKind};
    use serde_json::json;

    use super::*;

    fn text(event: Value) -> String {
        serde_json::from_value::<Seen>(event).unwrap().text()
    }

    #[test]
    fn events_are_lines_for_people() {
        let event = |kind: &str, fields: Value| {
            let mut event = json!({"number": 1, "at_unix_ms": 2, "kind": kind});
            event["member"] = json!({"worker": "thumbnailer", "variant": "one"});
            event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            text(event)
        };
        assert_eq!(event("joined", json!({"returned": false})), "thumbnailer/one");
        assert_eq!(event("joined", json!({"returned": true})), "thumbnailer/one is back");
        assert_eq!(event("left", json!({"reason": "expired"})), "thumbnailer/one: expired");
        let dead =
            json!({"queue": "a.b", "job": "67ff", "attempt": 5, "error": "no\n\u{1b}[2Jpicture"});
        assert_eq!(
            event("dead_letter", dead),
            "a.b 67ff on thumbnailer/one, attempt 5: no \\u{1b}[2Jpicture"
        );
        let refused = json!({"message": "no ticket", "times": 3});
        assert_eq!(event("admission_refused", refused), "thumbnailer/one: no ticket (3 times)");
        let stranger = json!({"cause": "wrong_psk", "from": "192.0.2.7", "times": 40});
        assert_eq!(event("handshake_refused", stranger), "wrong_psk from 192.0.2.7 (40 times)");
    }

    #[test]
    fn kinds_of_a_newer_master_are_shown_as_they_come() {
        let newer = json!({"number": 1, "at_unix_ms": 2, "kind": "moved", "to": "mars"});
        assert_eq!(text(newer), r#"{"to":"mars"}"#);
    }

    #[test]
    fn events_of_this_master_are_read() {
        let what = EventKind::SchemaChanged { schema: 9 };
        let event = Event { number: 4, at_unix_ms: 5, what };
        let seen: Seen = serde_json::from_value(serde_json::to_value(&event).unwrap()).unwrap();
        assert!(KINDS.contains(&seen.kind.as_str()));
        assert_eq!((seen.number, seen.text()), (4, "schema 9 is in force".to_owned()));
    }

    #[test]
    fn every_kind_is_in_the_documentation() {
        let documented = include_str!("../../../docs/OBSERVABILITY.md");
        for kind in KINDS {
            assert!(documented.contains(&format!("`{kind}`")), "{kind}");
        }
    }
}
