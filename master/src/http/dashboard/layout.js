// Where things stand in the picture of the mesh. Pure: boxes and places from workers and members.
//
// Workers that dial others stand before those (left of them, or above on a narrow screen). The
// instances of a worker are a list while there are few, and a grid of dots when there are many.

const LIST_MAX = 6;
const GAP = { rank: 110, box: 26, edge: 18 };
const ROW = 26;
const CELL = 20;
const HEAD = 36;

/** Ranks by who dials whom; a circle ends after as many rounds as there are workers. */
function ranks(workers) {
  const rank = new Map(workers.map((row) => [row.worker, 0]));
  for (let round = 0; round < Math.min(workers.length, 6); round += 1) {
    let changed = false;
    for (const { worker, dials } of workers) {
      for (const to of dials) {
        const other = workers.find((row) => row.worker === to);
        const mutual = other?.dials.includes(worker);
        if (to !== worker && !mutual && rank.get(to) <= rank.get(worker)) {
          rank.set(to, rank.get(worker) + 1);
          changed = true;
        }
      }
    }
    if (!changed) break;
  }
  return rank;
}

function boxOf(worker, members) {
  const isList = members.length <= LIST_MAX;
  if (isList) {
    const height = HEAD + Math.max(members.length, 1) * ROW + 8;
    return { worker, members, isList, width: 190, height };
  }
  const columns = Math.min(16, Math.max(7, Math.ceil(Math.sqrt(members.length * 1.9))));
  const rows = Math.ceil(members.length / columns);
  const width = Math.max(190, columns * CELL + 24);
  return { worker, members, isList, columns, width, height: HEAD + rows * CELL + 14 };
}

function dotsOf(box) {
  return box.members.map((member, index) => {
    const x = box.isList ? 20 : 12 + CELL / 2 + (index % box.columns) * CELL;
    const y = box.isList
      ? HEAD + ROW / 2 + index * ROW
      : HEAD + CELL / 2 + Math.floor(index / box.columns) * CELL;
    return { member, x: box.x + x, y: box.y + y };
  });
}

/** The whole picture: boxes with their dots, and how large it is. */
export function layout(workers, members, isTall) {
  const rank = ranks(workers);
  const lines = [];
  for (const { worker } of workers) {
    const own = members.filter((member) => member.worker === worker);
    (lines[rank.get(worker)] ??= []).push(boxOf(worker, own));
  }
  const filled = lines.filter((line) => line);
  const [along, across] = isTall ? ["height", "width"] : ["width", "height"];
  const gap = isTall ? GAP.rank * 0.6 : GAP.rank;
  const lengths = filled.map((line) => sum(line.map((box) => box[across] + GAP.box)) - GAP.box);
  const breadth = Math.max(...lengths, 0);
  let at = GAP.edge;
  filled.forEach((line, index) => {
    const depth = Math.max(...line.map((box) => box[along]));
    let place = GAP.edge + (breadth - lengths[index]) / 2;
    for (const box of line) {
      const [x, y] = isTall ? [place, at + (depth - box.height) / 2] : [at, place];
      Object.assign(box, { x, y });
      place += box[across] + GAP.box;
    }
    at += depth + gap;
  });
  const boxes = filled.flat();
  for (const box of boxes) box.dots = dotsOf(box);
  const size = at - gap + GAP.edge;
  const side = breadth + 2 * GAP.edge;
  return { boxes, width: isTall ? side : size, height: isTall ? size : side };
}

/** A curve from one box to another, and where its label stands. */
export function curve(from, to, isTall) {
  if (from === to) {
    const [x, y] = [from.x + from.width, from.y + 14];
    return { d: `M${x - 26} ${from.y}C${x - 26} ${y - 44} ${x + 30} ${y - 20} ${x} ${y}`, x, y: y - 34 };
  }
  const middle = (box) => [box.x + box.width / 2, box.y + box.height / 2];
  const [[fx, fy], [tx, ty]] = [middle(from), middle(to)];
  const inLine = isTall && Math.abs(fy - ty) < (from.height + to.height) / 2;
  if (isTall && !inLine) {
    const down = ty >= fy;
    const [y1, y2] = down ? [from.y + from.height, to.y] : [from.y, to.y + to.height];
    const [x1, x2] = shifted(fx, tx, down);
    const bend = (y1 + y2) / 2;
    return { d: `M${x1} ${y1}C${x1} ${bend} ${x2} ${bend} ${x2} ${y2}`, x: (x1 + x2) / 2, y: bend };
  }
  if (Math.abs(fx - tx) < 1) {
    const [x1, x2] = [from.x + from.width, to.x + to.width];
    const bend = Math.max(x1, x2) + 50;
    return { d: `M${x1} ${fy}C${bend} ${fy} ${bend} ${ty} ${x2} ${ty}`, x: bend - 10, y: (fy + ty) / 2 };
  }
  const right = tx > fx;
  const [x1, x2] = right ? [from.x + from.width, to.x] : [from.x, to.x + to.width];
  const [y1, y2] = shifted(fy, ty, right);
  const bend = (x1 + x2) / 2;
  return { d: `M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}`, x: bend, y: (y1 + y2) / 2 };
}

/** The two directions between the same boxes do not lie on each other. */
const shifted = (from, to, forth) => (forth ? [from - 8, to - 8] : [from + 8, to + 8]);

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
