// Sparklines: the last figures of something as a small line. What is kept is bounded by LENGTH.

import { draw, set } from "./dom.js";

export const LENGTH = 90;
const WIDTH = 120;
const HEIGHT = 26;

/** The last figures of many things by name. */
export class Histories {
  constructor() {
    this.all = new Map();
  }

  /** One figure of each; those that are not named any more are forgotten. */
  push(figures) {
    for (const [name, figure] of figures) {
      const line = this.all.get(name) ?? [];
      line.push(figure);
      if (line.length > LENGTH) line.shift();
      this.all.set(name, line);
    }
    for (const name of this.all.keys()) {
      if (!figures.has(name)) this.all.delete(name);
    }
  }

  of(name) {
    return this.all.get(name) ?? [];
  }
}

export function make() {
  const shape = { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT };
  return draw("svg", { ...shape, preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("path", { class: "spark-area" }), draw("path", { class: "spark-line" }));
}

export function update(svg, figures) {
  const [area, line] = svg.children;
  if (figures.length < 2) {
    set(area, "d", "");
    set(line, "d", "");
    return;
  }
  const top = Math.max(...figures, 0.001);
  const step = WIDTH / (LENGTH - 1);
  const start = WIDTH - (figures.length - 1) * step;
  const at = (figure, index) => {
    const y = HEIGHT - 2 - (figure / top) * (HEIGHT - 5);
    return `${(start + index * step).toFixed(1)} ${y.toFixed(1)}`;
  };
  const points = figures.map(at);
  set(line, "d", `M${points.join("L")}`);
  set(area, "d", `M${start.toFixed(1)} ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
}
