// What happened, newest first, with a filter. Bounded: KEPT events in memory, SHOWN in the page.

import { find, keyed, make, say, set } from "./dom.js";
import { moment, nameOf } from "./format.js";
import { empty } from "./tables.js";

const KEPT = 1000;
const SHOWN = 150;
const GROUPS = {
  members: ["master_started", "joined", "ready", "draining", "left", "lost"],
  links: ["link_up", "link_down", "links_changed"],
  schema: ["schema_changed", "schema_refused"],
  refused: ["admission_refused", "handshake_refused", "schema_refused"],
  dead_letter: ["dead_letter"],
};
const TONE = {
  joined: "good", ready: "good", link_up: "good", schema_changed: "good", master_started: "good",
  draining: "warn", link_down: "warn", links_changed: "warn", left: "plain", lost: "bad",
  schema_refused: "bad", admission_refused: "bad", handshake_refused: "bad", dead_letter: "bad", gap: "warn",
};

let events = [];
const filter = { text: "", kind: "" };

/** A page of the stream: its events, and what it says is missing. */
export function take(page) {
  const come = [];
  if (page.epoch_changed && events.length > 0) {
    come.push(gap(page, "The master has started again: its numbers begin anew."));
  }
  if (page.lost > 0 && events.length > 0) {
    come.push(gap(page, `${page.lost} events were missed: this page was too slow, or away.`));
  }
  come.push(...page.events.map((event) => ({ ...event, key: `${page.epoch}-${event.number}` })));
  events = [...come.reverse(), ...events].slice(0, KEPT);
  show();
}

/** Forgets all: who looks next begins anew. */
export function clear() {
  events = [];
  show();
}

const gap = (page, text) => ({
  key: `gap-${page.epoch}-${page.next}-${text.length}`, kind: "gap", text, at_unix_ms: Date.now(),
});

export function show() {
  const kinds = GROUPS[filter.kind];
  const fits = (event) => (!kinds || kinds.includes(event.kind))
    && (!filter.text || `${event.kind} ${words(event)}`.toLowerCase().includes(filter.text));
  const wanted = events.filter(fits).slice(0, SHOWN);
  keyed(find("events-list"), wanted, (event) => event.key,
    (event) => make("li", { "data-kind": event.kind, "data-tone": TONE[event.kind] ?? "plain" },
      make("time", { datetime: new Date(event.at_unix_ms).toISOString() }, moment(event.at_unix_ms)),
      make("b", {}, event.kind.replaceAll("_", " ")),
      make("span", {}, words(event))),
    () => {});
  empty("events", wanted.length === 0, events.length ? "No event fits the filter." : "Nothing has happened yet.");
}

export function start() {
  const [text, kind] = [find("events-text"), find("events-kind")];
  text.addEventListener("input", () => {
    filter.text = text.value.trim().toLowerCase();
    show();
  });
  kind.addEventListener("change", () => {
    filter.kind = kind.value;
    show();
  });
  find("events-filter").addEventListener("submit", (event) => event.preventDefault());
  set(find("events-list"), "data-kept", KEPT);
  say(find("events-empty"), "");
}

/** An event in words. */
function words(event) {
  const who = event.member ? nameOf(event.member) : "";
  switch (event.kind) {
    case "gap": return event.text;
    case "master_started": return `version ${event.version}`;
    case "joined": return event.returned ? `${who} is back` : who;
    case "left": return `${who}${event.reason === "left" ? "" : ` (${event.reason.replaceAll("_", " ")})`}`;
    case "link_up": case "link_down": return `${who} – ${nameOf(event.peer)}`;
    case "links_changed": return `${who}: ${event.up} up, ${event.down} down`;
    case "schema_changed": return `number ${event.schema}`;
    case "schema_refused": return event.report;
    case "admission_refused":
      return `${who}: ${event.message}${event.times > 1 ? ` (${event.times} times)` : ""}`;
    case "handshake_refused":
      return `${event.cause.replaceAll("_", " ")}, from ${event.from}${event.times > 1 ? ` (${event.times} times)` : ""}`;
    case "dead_letter": return `${event.queue} ${event.job.slice(0, 8)}…: ${event.error}`;
    default: return who;
  }
}
