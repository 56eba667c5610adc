// Both passes, step by step: what is lit, what is known already, and what is told.

let position = 0;
const madeAt = {}, knownAt = {}; // the step after which a value or a gradient is there
steps.forEach((step, i) => {
  if (!step.backward) step.makes.forEach((id) => { madeAt[id] = i + 1; });
  if (step.backward && !step.circle) step.makes.forEach((id) => { knownAt[id] = i + 1; });
  step.arrivals.filter(({ last }) => last).forEach(({ card }) => { knownAt[card] = i + 1; });
});

function draw(k) {
  position = k;
  const step = position ? steps[position - 1] : null;
  const now = new Set(step ? visible(step.circle) : []);
  const touched = new Set(step ? [...step.reads, ...step.makes].flatMap(visible) : []);
  for (const [id, parts] of shown)
    for (const part of parts) {
      part.classList.toggle("waiting", id in cards && position < (madeAt[id] ?? 0));
      part.classList.toggle("no-gradient", position < (knownAt[id] ?? 0));
      part.classList.toggle("lit", now.has(part) || touched.has(part));
      part.classList.toggle("now", now.has(part));
      part.classList.toggle("back", Boolean(step?.backward));
    }
  const lit = new Set([...now, ...touched].map((part) => part.dataset.id));
  for (const edge of world.querySelectorAll(".edge")) {
    const { tail, head } = edge.dataset;
    const backward = edge.classList.contains("backward");
    const card = data.echoes[tail] ?? data.echoes[head] ?? (tail in cards ? tail : head);
    const isLit = step !== null && backward === step.backward && lit.has(tail) && lit.has(head)
      && [tail, head].some((id) => [...now].some((part) => part.dataset.id === id));
    edge.classList.toggle("waiting", !isLit && position < ((backward ? knownAt : madeAt)[card] ?? 0));
    edge.classList.toggle("lit", isLit);
  }
  badges();
  tell(step);
  markStep();
}

// The sums that are not complete yet, beside their tensors.
function badges() {
  world.querySelectorAll(".badge").forEach((badge) => badge.remove());
  const sums = {};
  for (const { backward, arrivals } of steps.slice(0, position))
    if (backward) for (const { card, so_far, last } of arrivals) sums[card] = last ? "" : so_far;
  const places = Object.entries(sums).filter(([, text]) => text)
    .flatMap(([card, text]) => (shown.get(card) ?? []).map((part) => [part, text]))
    .map(([part, text]) => [part, `Σ ${text.split(" = ").pop()}`, part.getBBox()]);
  for (const [part, text, { x, y, width }] of places) { // measured before anything changes
    const badge = shape("g", { class: "badge" }), w = 7 * text.length + 8;
    badge.append(
      shape("rect", { x: x + width - w / 2, y: y - 8, width: w, height: 16, rx: 8 }),
      shape("text", { x: x + width, y: y + 4, "text-anchor": "middle" }, text),
    );
    part.append(badge);
  }
}

function lines(kind, formula, rows, sum = "") {
  const made = [element("p", { class: `formula ${kind}` }, formula)];
  if (rows.length) made.push(element("pre", {}, rows.join("\n")));
  if (sum) made.push(element("p", { class: "sum" }, `${words["so far"]} ${sum}`));
  return made;
}

function told(step) {
  const kind = step.backward ? "backward" : "forward";
  return [
    ...(step.formula ? lines(kind, step.formula, step.rows) : []),
    ...step.arrivals.flatMap(({ formula, rows, so_far }) => lines(kind, formula, rows, so_far)),
  ];
}

function tell(step) {
  const title = element("h2");
  if (!step) {
    title.textContent = words.start;
    return find("step").replaceChildren(title, element("p", { class: "faint" }, words["how to start"]));
  }
  const name = step.circle ? circles[step.circle].title : "";
  title.textContent = [words[step.backward ? "back through" : "forward through"], name].join(" ");
  find("step").replaceChildren(title, ...told(step));
}

const { show, move } = player({
  last: steps.length,
  draws: draw,
  counted: (k) => `${k} / ${steps.length}`,
  rests: () => +find("speed").value,
  moved: follow,
});
