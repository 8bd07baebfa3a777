// The page: who may see it, what comes, and the keyboard. Nothing is asked of anybody but the master
// that served this page.

import { Live, ask, token } from "./api.js";
import { find, make, say, set } from "./dom.js";
import * as events from "./events.js";
import { span } from "./format.js";
import { Picture } from "./picture.js";
import * as queues from "./queues.js";
import * as tables from "./tables.js";
import * as theme from "./theme.js";

const picture = new Picture(find("picture"), find("picture-note"), find("detail"));
let live = null;
let mesh = null;
let membersFilter = "";

// === what comes ===

function take(message) {
  if (message.type === "events") return events.take(message);
  if (message.type !== "mesh") return undefined;
  mesh = message;
  tables.remember(mesh);
  // A page that nobody sees draws nothing, and is up to date when it is looked at again.
  if (!document.hidden) show();
  return undefined;
}

function show() {
  if (!mesh) return;
  performance.mark("draw-start");
  tables.showTiles(mesh);
  if (mesh.members.length === 0) showNobody();
  else picture.showEmpty();
  picture.show(mesh);
  tables.showCommands(mesh);
  queues.show(mesh);
  tables.showMembers(mesh, membersFilter);
  say(find("about"), `master ${mesh.master.version} · up ${span(mesh.master.uptime_ms)}`
    + ` · schema ${mesh.master.schema}${mesh.master.settled ? "" : " · settling"}`);
  performance.clearMeasures("draw");
  performance.measure("draw", "draw-start");
  performance.clearMarks("draw-start");
}

async function showNobody() {
  if (!picture.empty.hidden) return;
  picture.showEmpty(make("h3", {}, "No workers yet"));
  const { mesh_port: port } = await ask("/v1/master").catch(() => ({}));
  const where = port ? `${location.hostname}:${port}` : "the master's mesh port";
  picture.showEmpty(make("h3", {}, "No workers yet"),
    make("p", {}, "Workers of the schema join at ", make("code", {}, where), "."),
    make("p", { class: "dim" }, "They are shown here as soon as they have."));
  if (mesh?.members.length) picture.showEmpty();
}

// === who may see it ===

function view(name) {
  document.body.dataset.view = name;
  find("login").hidden = name !== "login";
  find("board").hidden = name !== "board";
  find("logout").hidden = name !== "board" || !token.read();
}

function state(name, text) {
  const pill = find("state");
  pill.dataset.state = name;
  say(pill, text);
}

function login(error, where) {
  live?.stop();
  live = null;
  mesh = null;
  events.clear();
  token.forget();
  find("lost").hidden = true;
  state("out", "logged out");
  say(find("login-error"), error ?? "");
  say(find("login-where"), where ?? "");
  view("login");
  find("token").value = "";
  find("token").focus();
}

/** The whereabouts of the token, as the master tells them to everybody. */
function whereabouts(refused) {
  const text = refused.message.split("; ").slice(1).join("; ");
  return text && `${text[0].toUpperCase()}${text.slice(1)}.`;
}

async function enter() {
  state("loading", "connecting");
  try {
    take(await ask("/v1/mesh"));
  } catch (refused) {
    const hadToken = token.read() !== null;
    if (refused.status === 401) {
      return login(hadToken ? "That is not the token of this master." : null, whereabouts(refused));
    }
    if (refused.status === 403) return login(refused.message);
    view("board");
    lost(2000);
    setTimeout(enter, 2000);
    return undefined;
  }
  view("board");
  show();
  live?.stop();
  live = new Live(take, (name, detail) => {
    if (name === "live") found();
    else if (name === "lost") lost(detail);
    else login(detail.status === 401 ? "The token is no longer good." : detail.message);
  });
  live.open();
  return undefined;
}

function found() {
  clearInterval(lost.timer);
  find("lost").hidden = true;
  delete document.body.dataset.lost;
  state("live", "live");
}

/** Says that nothing comes, and counts down to the next try. */
function lost(waitMs) {
  clearInterval(lost.timer);
  const until = Date.now() + waitMs;
  const tell = () => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    say(find("lost-text"), "The master does not answer: what is shown is of the past. "
      + `Trying again ${left > 0 ? `in ${left} s` : "now"}.`);
  };
  tell();
  lost.timer = setInterval(tell, 500);
  find("lost").hidden = false;
  document.body.dataset.lost = "true";
  state("lost", "connection lost");
}

// === the keyboard and the rest ===

const SECTIONS = ["mesh", "events", "commands", "queues", "members"];

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "Escape") {
    if (isTyping) event.target.blur();
    else queues.close();
    return;
  }
  if (isTyping || find("help").open || document.body.dataset.view !== "board") return;
  const section = SECTIONS[Number(event.key) - 1];
  if (section) {
    find(section).focus();
    find(section).scrollIntoView({ block: "start" });
  } else if (event.key === "/") find("events-text").focus();
  else if (event.key === "t") theme.next(find("theme"));
  else if (event.key === "?") find("help").showModal();
  else return;
  event.preventDefault();
}

function start() {
  // A link that a person was given may carry the token behind the #, which no server sees.
  const given = /^#token=(.+)$/.exec(location.hash);
  if (given) {
    token.keep(decodeURIComponent(given[1]));
    history.replaceState(null, "", location.pathname);
  }
  theme.show(find("theme"));
  find("theme").addEventListener("click", () => theme.next(find("theme")));
  find("help-open").addEventListener("click", () => find("help").showModal());
  find("logout").addEventListener("click", () => {
    // Nothing of the mesh stays in the page.
    token.forget();
    location.reload();
  });
  find("lost-now").addEventListener("click", () => (live ? live.open() : enter()));
  find("login-form").addEventListener("submit", (event) => {
    event.preventDefault();
    token.keep(find("token").value.trim());
    enter();
  });
  find("members-text").addEventListener("input", (event) => {
    membersFilter = event.target.value.trim();
    show();
  });
  find("members-filter").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", () => !document.hidden && show());
  set(document.documentElement, "data-ready", "true");
  events.start();
  queues.start();
  enter();
}

start();
