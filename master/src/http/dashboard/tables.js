// Commands and members as tables, and the figures on top.

import { find, keyed, make, say, set } from "./dom.js";
import { bad, count, latency, nameOf, rate, span, total } from "./format.js";
import * as spark from "./spark.js";

const ROWS_MAX = 500;
const histories = new spark.Histories();

const commandName = (row) => `${row.worker}.${row.command}`;

/** Keeps the figures of this second: once for each picture that comes, shown or not. */
export function remember(mesh) {
  const figures = new Map(mesh.commands.map((row) => [commandName(row), total(row.per_second)]));
  figures.set("*", sumOf(mesh.commands, (row) => total(row.per_second)));
  histories.push(figures);
}

export function showTiles(mesh) {
  const ready = mesh.members.filter((member) => member.status === "ready").length;
  const failed = sumOf(mesh.commands, (row) => bad(row.per_second));
  const waiting = sumOf(mesh.queues, (row) => row.ready);
  const dead = sumOf(mesh.queues, (row) => row.dead);
  const lost = mesh.members.filter((member) => member.status === "lost").length;
  const tiles = [
    { name: "members ready", figure: `${ready}`, of: ` of ${mesh.members.length}`, alarm: lost > 0 },
    { name: "links", figure: count(mesh.links.length) },
    { name: "calls a second", figure: rate(histories.of("*").at(-1) ?? 0), line: histories.of("*") },
    { name: "not ok a second", figure: rate(failed), alarm: failed > 0 },
    { name: "jobs waiting", figure: count(waiting) },
    { name: "dead letters", figure: count(dead), alarm: dead > 0 },
  ];
  keyed(find("tiles"), tiles, (tile) => tile.name,
    (tile) => make("div", { class: "tile" }, make("span", { class: "tile-name" }),
      make("span", { class: "tile-figure" }, make("b"), make("small")),
      ...(tile.line ? [spark.make()] : [])),
    (element, tile) => {
      const [name, figure, line] = element.children;
      say(name, tile.name);
      say(figure.firstChild, tile.figure);
      say(figure.lastChild, tile.of ?? "");
      set(element, "data-alarm", tile.alarm ? "true" : null);
      if (line) spark.update(line, tile.line);
    });
}

export function showCommands(mesh) {
  const callers = new Map(mesh.workers.flatMap((row) => row.commands
    .map((access) => [`${row.worker}.${access.command}`, access])));
  // Those that nobody serves at the moment are there all the same.
  const known = new Map(mesh.commands.map((row) => [commandName(row), row]));
  const rows = [...callers.keys()].map((name) => [name, known.get(name)]).slice(0, ROWS_MAX);
  keyed(find("commands-rows"), rows, ([name]) => name,
    () => make("tr", {}, make("th", { scope: "row" }, make("span"), make("i", { class: "tag" })),
      num(), make("td", {}, spark.make()), num(), num(), num(), num(), make("td", { class: "dim" })),
    (tr, [name, row]) => {
      const [head, calls, line, failed, running, p50, p99, by] = tr.children;
      const access = callers.get(name);
      set(tr, "data-command", name);
      set(tr, "class", row ? null : "rests");
      say(head.firstChild, name);
      const tags = [access.queued ? "queued" : "", access.broadcast ? "broadcast" : ""];
      say(head.lastChild, tags.filter(Boolean).join(" "));
      say(calls, row ? rate(total(row.per_second)) : "–");
      spark.update(line.firstChild, histories.of(name));
      say(failed, row ? rate(bad(row.per_second)) : "–");
      set(failed, "data-alarm", row && bad(row.per_second) > 0 ? "true" : null);
      say(running, row ? count(row.running) : "–");
      say(p50, latency(row?.p50_us));
      say(p99, latency(row?.p99_us));
      say(by, access.callers.join(", ") || "nobody");
    });
  empty("commands", rows.length === 0, "The schema has no commands.");
}

export function showMembers(mesh, filter) {
  const links = new Array(mesh.members.length).fill(0);
  for (const { a, b } of mesh.links) {
    links[a] += 1;
    links[b] += 1;
  }
  const all = mesh.members.map((member, place) => ({ member, links: links[place] }));
  const wanted = all.filter(({ member }) =>
    `${nameOf(member)} ${member.status} ${member.process?.version} ${member.addresses}`.includes(filter));
  keyed(find("members-rows"), wanted.slice(0, ROWS_MAX), ({ member }) => nameOf(member),
    () => make("tr", {}, make("th", { scope: "row" }), make("td", {}, make("span", { class: "status" })),
      make("td"), num(), num(), num(), make("td", { class: "dim mono" })),
    (tr, { member, links: linked }) => {
      const [name, status, version, uptime, running, peers, address] = tr.children;
      const process = member.process;
      set(tr, "data-member", nameOf(member));
      set(tr, "data-status", member.status);
      say(name, nameOf(member));
      say(status.firstChild, member.status);
      say(version, process?.version ?? "–");
      say(uptime, span(process?.uptime_ms));
      say(running, process ? count(process.running) : "–");
      say(peers, count(linked));
      say(address, member.addresses.join(" "));
    });
  const more = wanted.length - ROWS_MAX;
  const text = mesh.members.length === 0 ? "Nobody has joined yet." : "No member fits the filter.";
  empty("members", wanted.length === 0 || more > 0, more > 0 ? `${more} more: filter them.` : text);
}

/** The note below a table. */
export function empty(section, isShown, text) {
  const note = find(`${section}-empty`);
  note.hidden = !isShown;
  say(note, isShown ? text : "");
}

export const num = () => make("td", { class: "num" });

const sumOf = (rows, figure) => rows.reduce((all, row) => all + figure(row), 0);
