// One sheet for each module, laid out apart. Opening a module puts its sheet where its box
// stands and stretches the sheet around it, so that all neighbours stay neighbours.

const data = JSON.parse(document.getElementById("data").textContent);
const { cards, circles, frames, sheets, steps, words } = data;
const SVG = "http://www.w3.org/2000/svg";
const OUTSIDE = -1, BAR = 20, MARGIN = 6, LETTER = 6.4; // of the frame around an open sheet
const canvas = find("canvas"), world = find("world");

function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

function shape(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const opened = new Set(data.opened);
let shown = new Map(); // what stands on the open sheets, by id: cards, circles, boxes, frames
let whole = { width: 1, height: 1 };

// Where the coordinates of an axis go, so that each part (from, to) grows by at least `more`.
// Parts above each other share what they need of the width, parts side by side of the height.
function stretched(parts) {
  const gaps = [];
  const to = (at) => gaps.reduce((sum, gap) =>
    sum + gap.more * Math.min(1, Math.max(0, (at - gap.from) / (gap.to - gap.from))), at);
  for (const part of parts.sort((a, b) => b.more - a.more)) {
    const more = part.more + part.to - part.from - (to(part.to) - to(part.from));
    if (more > 0) gaps.push({ ...part, more });
  }
  return to;
}

function built(frame) {
  const sheet = sheets[frame];
  const made = shape("g");
  made.append(...find(`sheet${frame}`).content.firstElementChild.cloneNode(true).childNodes);
  const inner = [];
  for (const [inside, [x, y, w, h]] of Object.entries(sheet.boxes)) {
    if (!opened.has(+inside) || !(inside in sheets)) continue;
    const part = built(+inside);
    part.outerWidth = Math.max(w, part.width + 2 * MARGIN, LETTER * (frames[inside].title.length + 4));
    part.outerHeight = Math.max(h, part.height + BAR + MARGIN);
    inner.push(Object.assign(part, { frame: +inside, x, y, w, h }));
  }
  const right = stretched(inner.map(({ x, w, outerWidth }) => ({ from: x, to: x + w, more: outerWidth - w })));
  const down = stretched(inner.map(({ y, h, outerHeight }) => ({ from: y, to: y + h, more: outerHeight - h })));
  for (const part of inner) made.querySelector(`[data-id="m${part.frame}"]`).remove();
  if (inner.length) spread([...made.children], right, down, new Map(inner.map((part) => [`m${part.frame}`, part])));
  for (const part of made.children) remember(part);
  for (const part of inner) {
    const x = (right(part.x) + right(part.x + part.w) - part.outerWidth) / 2;
    const y = (down(part.y) + down(part.y + part.h) - part.outerHeight) / 2;
    made.prepend(framed(part, x, y));
  }
  return { group: made, width: right(sheet.width), height: down(sheet.height) };
}

function remember(part) {
  const id = part.dataset.id;
  if (id === undefined) return;
  const key = data.echoes[id] ?? id; // an echo stands for its card
  shown.set(key, [...(shown.get(key) ?? []), part]);
  part.setAttribute("tabindex", "0");
  part.setAttribute("role", "button");
  part.setAttribute("aria-label", spoken(key));
}

const PAIRS = /(-?[\d.]+),(-?[\d.]+)/g;

function pointsOf(it) {
  const text = it.getAttribute("d") ?? it.getAttribute("points")
    ?? `${it.getAttribute("cx") ?? it.getAttribute("x")},${it.getAttribute("cy") ?? it.getAttribute("y")}`;
  return [...text.matchAll(PAIRS)].map(([, x, y]) => [+x, +y]);
}

function middle(shapes) {
  const points = shapes.flatMap(pointsOf);
  return [0, 1].map((axis) => {
    const all = points.map((point) => point[axis]);
    return (Math.min(...all) + Math.max(...all)) / 2;
  });
}

// Nodes move as they are. Lines bend: each point goes where its place goes, and the ends go with
// their nodes, or with the side of an open module. Heads and labels go with the nearest point.
function spread(parts, right, down, open) {
  const way = ([x, y]) => [right(x) - x, down(y) - y];
  const move = (shapes, [dx, dy]) => {
    for (const it of shapes) it.setAttribute("transform", `translate(${dx} ${dy})`);
  };
  const wayOfSide = ({ x, y, w, h }, end) => {
    const center = way([x + w / 2, y + h / 2]), there = way(end);
    const beyond = (at, from, long) => Math.max(from - at, at - from - long);
    const level = beyond(end[1], y, h) > beyond(end[0], x, w); // at its upper or lower side
    return level ? [center[0], there[1]] : [there[0], center[1]];
  };
  const ways = new Map();
  for (const node of parts.filter((part) => part.dataset.id)) {
    ways.set(node.dataset.id, way(middle([...node.children])));
    move(node.children, ways.get(node.dataset.id));
  }
  for (const edge of parts.filter((part) => part.dataset.tail)) {
    const line = edge.querySelector("path");
    const points = pointsOf(line), last = points.length - 1;
    const rest = [[edge.dataset.tail, points[0]], [edge.dataset.head, points[last]]].map(([id, end]) => {
      const [own, there] = [ways.get(id) ?? wayOfSide(open.get(id), end), way(end)];
      return [own[0] - there[0], own[1] - there[1]];
    });
    const moves = points.map((point, i) => way(point).map((by, axis) =>
      by + rest[0][axis] * (1 - i / last) + rest[1][axis] * (i / last)));
    let i = 0;
    line.setAttribute("d", line.getAttribute("d").replace(PAIRS, () => {
      const made = `${points[i][0] + moves[i][0]},${points[i][1] + moves[i][1]}`;
      i += 1;
      return made;
    }));
    const nearest = ([x, y]) => {
      const far = points.map(([px, py]) => Math.hypot(px - x, py - y));
      return moves[far.indexOf(Math.min(...far))];
    };
    const [heads, label] = [[], []];
    for (const it of edge.children)
      if (it !== line) (it.tagName === "polygon" && !it.hasAttribute("fill-opacity") ? heads : label).push(it);
    for (const head of heads) move([head], nearest(middle([head])));
    if (label.length) move(label, nearest(middle(label)));
  }
}

function framed(part, x, y) {
  const around = shape("g", { class: "frame", transform: `translate(${x} ${y})` });
  const [w, h] = [part.outerWidth, part.outerHeight];
  const bar = shape("rect", { class: "bar", x: 1, y: 1, width: w - 2, height: BAR - 2, rx: 5 });
  const title = shape("text", { x: 8, y: 14 }, `▾ ${frames[part.frame].title}`);
  const inside = shape("g", { transform: `translate(${(w - part.width) / 2} ${BAR})` });
  inside.append(part.group);
  around.append(shape("rect", { width: w, height: h, rx: 7 }), bar, title, inside);
  for (const it of [bar, title]) it.addEventListener("click", () => toggle(part.frame));
  around.setAttribute("tabindex", "0");
  around.setAttribute("role", "button");
  around.setAttribute("aria-expanded", "true");
  around.setAttribute("aria-label", `${frames[part.frame].title}, ${words.close}`);
  around.dataset.id = `f${part.frame}`;
  shown.set(`f${part.frame}`, [around]);
  return around;
}

function rebuild() {
  shown = new Map();
  whole = built(OUTSIDE);
  world.replaceChildren(whole.group);
  show(position);
  paint();
}

// Opens or closes a module; its place stays where it is on the screen.
function toggle(frame) {
  const place = () => visible(`m${frame}`)[0]?.getBoundingClientRect();
  const before = place();
  if (!opened.delete(frame)) opened.add(frame);
  rebuild();
  const after = place();
  if (before && after) pan(before.left - after.left, before.top - after.top);
  visible(`m${frame}`)[0]?.focus({ preventScroll: true });
}

function pathOf(id) {
  const path = [];
  for (let frame = data.homes[id] ?? OUTSIDE; frame !== OUTSIDE; frame = frames[frame].around)
    path.unshift(frame);
  return path;
}

// The elements that show a card, a circle or a module: itself, or the closed box around it.
function visible(id) {
  if (shown.has(id)) return shown.get(id);
  if (id[0] === "m" && shown.has(`f${id.slice(1)}`)) return shown.get(`f${id.slice(1)}`);
  const closed = pathOf(id).find((frame) => !opened.has(frame));
  return (closed !== undefined && shown.get(`m${closed}`)) || [];
}

function reveal(id) {
  const closed = pathOf(id).filter((frame) => !opened.has(frame));
  closed.forEach((frame) => opened.add(frame));
  if (closed.length) rebuild();
  center(visible(id)[0]);
}
