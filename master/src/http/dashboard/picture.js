// The mesh as a picture: workers as boxes, instances as dots, links as thin lines, who may call
// whom as arrows that grow with what is called. Elements stay while what they show is there.
//
// However many links there are, they are one path for each pair of workers, of at most LINKS_MAX
// pieces in all: what is drawn is bounded.

import { draw, keyed, make, say, set } from "./dom.js";
import { nameOf, rate, span, total } from "./format.js";
import { curve, layout } from "./layout.js";

const LINKS_MAX = 4000;
const NARROW_PX = 620;
const LABEL_MAX = 18;

export class Picture {
  constructor(parent, note, detail) {
    Object.assign(this, { parent, note, detail, selected: null });
    const arrow = draw("marker", {
      id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7,
      markerUnits: "userSpaceOnUse", orient: "auto-start-reverse",
    }, draw("path", { d: "M0 0 8 4 0 8Z", class: "arrow" }));
    this.links = draw("g", { class: "links" });
    this.calls = draw("g", { class: "calls" });
    this.boxes = draw("g", { class: "boxes" });
    this.svg = draw("svg", { class: "mesh", role: "application", tabindex: 0,
      "aria-roledescription": "picture of the mesh", "aria-describedby": "detail" },
    draw("defs", {}, arrow), this.links, this.boxes, this.calls);
    this.svg.addEventListener("keydown", (event) => this.onKey(event));
    this.empty = make("div", { class: "empty-big", hidden: "" });
    parent.append(this.svg, this.empty);
    new ResizeObserver(() => this.mesh && this.show(this.mesh)).observe(parent);
  }

  show(mesh) {
    this.mesh = mesh;
    const isTall = this.parent.clientWidth < NARROW_PX;
    const signature = JSON.stringify([isTall, mesh.workers.map((row) => [row.worker, row.dials]),
      mesh.members.map(nameOf)]);
    if (signature !== this.signature) {
      this.signature = signature;
      this.isTall = isTall;
      this.plan = layout(mesh.workers, mesh.members, isTall);
      set(this.svg, "viewBox", `0 0 ${this.plan.width} ${this.plan.height}`);
      this.svg.style.maxWidth = `${Math.round(this.plan.width * 1.25)}px`;
      this.places = new Map(this.plan.boxes.flatMap((box) => box.dots)
        .map((dot) => [nameOf(dot.member), dot]));
    }
    this.drawBoxes(mesh);
    this.drawLinks(mesh);
    this.drawCalls(mesh);
    const states = mesh.members.filter((member) => member.status === "ready").length;
    set(this.svg, "aria-label", `${mesh.members.length} members of ${mesh.workers.length} workers, `
      + `${states} ready, ${mesh.links.length} links. Arrow keys go from member to member.`);
    this.tell();
  }

  drawBoxes(mesh) {
    const fresh = new Map(mesh.members.map((member) => [nameOf(member), member]));
    keyed(this.boxes, this.plan.boxes, (box) => box.worker,
      () => draw("g", { class: "box" }, draw("rect", { rx: 12 }), draw("text", { class: "box-name" }),
        draw("text", { class: "box-count" }), draw("g", { class: "dots" })),
      (group, box) => {
        const [rect, name, counted, dots] = group.children;
        for (const side of ["x", "y", "width", "height"]) set(rect, side, box[side]);
        set(group, "class", box.members.length ? "box" : "box box-empty");
        set(name, "x", box.x + 12);
        set(name, "y", box.y + 23);
        say(name, short(box.worker));
        set(counted, "x", box.x + box.width - 12);
        set(counted, "y", box.y + 23);
        say(counted, String(box.members.length));
        keyed(dots, box.dots, (dot) => nameOf(dot.member), (dot) => this.makeDot(dot),
          (element, dot) => this.updateDot(element, dot, box, fresh.get(nameOf(dot.member))));
      });
  }

  makeDot(dot) {
    const name = nameOf(dot.member);
    const element = draw("g", { class: "dot", "data-member": name },
      draw("circle", { class: "halo", r: 9 }), draw("circle", { class: "core", r: 6 }),
      draw("text"), draw("title"));
    element.addEventListener("click", () => this.select(name));
    return element;
  }

  updateDot(element, dot, box, member) {
    if (!member) return;
    const [halo, core, text, title] = element.children;
    const name = nameOf(member);
    set(element, "data-status", member.status);
    set(element, "class", name === this.selected ? "dot selected" : "dot");
    for (const circle of [halo, core]) {
      set(circle, "cx", dot.x);
      set(circle, "cy", dot.y);
    }
    set(text, "x", dot.x + 16);
    set(text, "y", dot.y + 4);
    say(text, box.isList ? short(member.variant) : "");
    say(title, `${name}: ${member.status}`);
  }

  drawLinks(mesh) {
    const pairs = new Map();
    for (const { a, b } of mesh.links.slice(0, LINKS_MAX)) {
      const [from, to] = [mesh.members[a], mesh.members[b]];
      const [start, end] = [this.places.get(nameOf(from)), this.places.get(nameOf(to))];
      if (!start || !end) continue;
      const key = `${from.worker} ${to.worker}`;
      const piece = `M${start.x} ${start.y}L${end.x} ${end.y}`;
      pairs.set(key, (pairs.get(key) ?? "") + piece);
    }
    set(this.links, "class", mesh.links.length > 200 ? "links many" : "links");
    keyed(this.links, [...pairs], ([key]) => key, () => draw("path"),
      (path, [, d]) => set(path, "d", d));
    const more = mesh.links.length - LINKS_MAX;
    say(this.note, more > 0 ? `${more} more links are not drawn.` : "");
  }

  drawCalls(mesh) {
    const boxes = new Map(this.plan.boxes.map((box) => [box.worker, box]));
    const edges = new Map();
    for (const { worker, commands } of mesh.workers) {
      for (const { command, callers } of commands) {
        for (const caller of callers) {
          const edge = edges.get(`${caller} ${worker}`)
            ?? { from: caller, to: worker, commands: [], perSecond: 0 };
          edge.commands.push(command);
          edges.set(`${caller} ${worker}`, edge);
        }
      }
    }
    for (const row of mesh.traffic) {
      const edge = edges.get(`${row.from} ${row.to}`);
      if (edge) edge.perSecond += total(row.per_second);
    }
    keyed(this.calls, [...edges], ([key]) => key,
      () => draw("g", { class: "edge" }, draw("path", { "marker-end": "url(#arrow)" }),
        draw("text"), draw("title")),
      (group, [, edge]) => {
        const [path, text, title] = group.children;
        const { d, x, y } = curve(boxes.get(edge.from), boxes.get(edge.to), this.isTall);
        set(path, "d", d);
        const width = edge.perSecond > 0 ? Math.min(1.6 + Math.log10(1 + edge.perSecond), 6) : 1.2;
        set(path, "stroke-width", width.toFixed(1));
        set(group, "class", edge.perSecond > 0 ? "edge busy" : "edge");
        set(text, "x", x);
        set(text, "y", y - 7);
        say(text, edge.perSecond > 0 ? `${rate(edge.perSecond)}/s` : "");
        say(title, `${edge.from} may call ${edge.to}: ${edge.commands.join(", ")}`);
      });
  }

  onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const names = this.mesh?.members.map(nameOf) ?? [];
    if (event.key === "Escape") this.select(null);
    if (!step || names.length === 0) return;
    event.preventDefault();
    const now = names.indexOf(this.selected);
    const first = step > 0 ? 0 : names.length - 1;
    this.select(names[now < 0 ? first : (now + step + names.length) % names.length]);
  }

  select(name) {
    this.selected = name === this.selected ? null : name;
    if (this.mesh) this.show(this.mesh);
  }

  /** The selected member in words. */
  tell() {
    const { members, links, workers } = this.mesh;
    const place = members.findIndex((member) => nameOf(member) === this.selected);
    if (place < 0) {
      say(this.detail, "");
      return;
    }
    const member = members[place];
    const peers = links.filter(({ a, b }) => a === place || b === place)
      .map(({ a, b }) => nameOf(members[a === place ? b : a]));
    const may = workers.flatMap((row) => row.commands
      .filter((command) => command.callers.includes(member.worker))
      .map((command) => `${row.worker}.${command.command}`));
    const some = (list) => list.slice(0, 8).join(", ") + (list.length > 8 ? `, ${list.length - 8} more` : "");
    const process = member.process;
    say(this.detail, [
      `${nameOf(member)}: ${member.status}`,
      process ? `version ${process.version}, up ${span(process.uptime_ms)}, ${process.running} running` : null,
      `at ${member.addresses.join(", ") || "no address"}`,
      peers.length ? `linked to ${some(peers)}` : "no link to a peer",
      may.length ? `may call ${some(may)}` : "may call nobody",
    ].filter(Boolean).join(" · "));
  }

  /** What stands here when there is nothing to draw. */
  showEmpty(...content) {
    this.empty.replaceChildren(...content);
    this.empty.hidden = content.length === 0;
    this.svg.toggleAttribute("hidden", content.length > 0);
  }
}

const short = (name) => (name.length > LABEL_MAX ? `${name.slice(0, LABEL_MAX - 1)}…` : name);
