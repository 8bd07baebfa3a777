// Queues, and the dead letters of one of them with a button that runs them again.

import { ask } from "./api.js";
import { find, keyed, make, say, set } from "./dom.js";
import { count, moment, span } from "./format.js";
import { empty, num } from "./tables.js";

const OLD_MS = 60_000;
let opened = null;

export function show(mesh) {
  keyed(find("queues-rows"), mesh.queues, (row) => row.queue,
    () => make("tr", {}, make("th", { scope: "row" }, make("span"), make("i", { class: "tag" })),
      num(), num(), num(), num(), make("td", { class: "num" }, make("button", { type: "button" }))),
    (tr, row) => {
      const [name, ready, oldest, scheduled, running, dead] = tr.children;
      set(tr, "data-queue", row.queue);
      say(name.firstChild, row.queue);
      say(name.lastChild, row.paused ? "paused" : "");
      say(ready, count(row.ready));
      say(oldest, row.ready ? span(row.oldest_ready_ms) : "–");
      set(oldest, "data-alarm", row.ready && row.oldest_ready_ms > OLD_MS ? "true" : null);
      say(scheduled, count(row.scheduled));
      say(running, count(row.running));
      const button = dead.firstChild;
      say(button, count(row.dead));
      button.disabled = !row.reachable || row.dead === 0;
      set(button, "aria-label", `${row.dead} dead letters of ${row.queue}: show`);
      set(button, "data-alarm", row.dead > 0 ? "true" : null);
      button.onclick = () => open(row.queue);
    });
  empty("queues", mesh.queues.length === 0, "No queue holds anything.");
  const more = mesh.queues_left_out ? `${count(mesh.queues_left_out)} more queues are left out.` : "";
  say(find("queues-advice"), [more, mesh.queue_store.advice ?? ""].filter(Boolean).join(" "));
  const row = mesh.queues.find((queue) => queue.queue === opened);
  if (opened && row && String(row.dead) !== find("dead").dataset.count) refresh();
}

/** Shows the dead letters of a queue. */
export async function open(queue) {
  opened = queue;
  find("dead").hidden = false;
  say(find("dead-note"), "");
  await refresh();
  find("dead-title").scrollIntoView({ block: "nearest" });
}

export function close() {
  opened = null;
  find("dead").hidden = true;
}

export function start() {
  find("dead-close").addEventListener("click", close);
  find("dead-all").addEventListener("click", () => retry("/dead/retry", "all"));
}

const path = (rest) => `/v1/queues/${encodeURIComponent(opened)}${rest}`;

async function refresh() {
  const queue = opened;
  try {
    const { dead, more } = await ask(path("/dead"));
    if (queue === opened) list(dead, more);
  } catch (refused) {
    say(find("dead-note"), refused.message);
  }
}

function list(dead, more) {
  say(find("dead-title"), `Dead letters of ${opened}`);
  find("dead").dataset.count = String(dead.length + more);
  find("dead-all").disabled = dead.length === 0;
  keyed(find("dead-list"), dead, (job) => job.id,
    (job) => make("li", { "data-job": job.id },
      make("div", {}, make("code"), make("span", { class: "dim" }), make("p", { class: "job-error" })),
      make("button", { type: "button" }, "Retry")),
    (li, job) => {
      const [text, button] = li.children;
      const [id, about, error] = text.children;
      say(id, job.id);
      say(about, ` from ${job.caller}, died ${moment(job.died_unix_ms)} after ${job.attempts} runs`);
      say(error, job.error ?? "");
      set(button, "aria-label", `Retry job ${job.id}`);
      button.onclick = () => retry(`/dead/${job.id}/retry`, job.id);
    });
  if (more > 0) say(find("dead-note"), `${more} more.`);
  else if (dead.length === 0) say(find("dead-note"), "None left.");
}

async function retry(rest, what) {
  const note = find("dead-note");
  say(note, "…");
  try {
    const { retried } = await ask(path(rest), "POST");
    await refresh();
    say(note, retried === 0 ? "Nothing was moved: gone already, no room in the queue, or stored by no mesh."
      : `${what === "all" ? count(retried) : "The job"} ${retried === 1 ? "runs" : "run"} again.`);
  } catch (refused) {
    say(note, refused.message);
  }
}
