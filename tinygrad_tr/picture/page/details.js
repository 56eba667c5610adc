// All that is known of the tensor or operation that was chosen.

function spoken(id) {
  if (id[0] === "m") return `${frames[id.slice(1)].title}, ${words.open}`;
  if (id in circles) return circles[id].title;
  const { name, shape, value, gradient } = cards[id];
  return [name, shape, value.text, gradient ? `${gradient.name} = ${gradient.text}` : cards[id].reason]
    .filter(Boolean).join(", ");
}

let chosen = "";
function choose(id) {
  for (const part of world.querySelectorAll(".chosen")) part.classList.remove("chosen");
  chosen = id;
  for (const part of shown.get(id) ?? []) part.classList.add("chosen");
  find("details").replaceChildren(...(id in cards ? cardDetails(id) : id in circles ? circleDetails(id) : []));
}

function link(id) {
  const made = element("button", {}, id in cards ? cards[id].name || cards[id].value.text : circles[id].title);
  made.addEventListener("click", () => { reveal(id); choose(id); });
  return made;
}

function row(name, ...inside) {
  const cell = element("td", {}, ...inside);
  if (inside.some((it) => it instanceof Node)) cell.className = "links";
  return element("tr", {}, element("th", { scope: "row" }, name), cell);
}

function table(...rows) {
  const made = element("table");
  made.append(...rows.filter(Boolean));
  return made;
}

function numbers(kind, title, it) {
  const made = [element("h2", {}, title, " ", element("span", { class: "faint" }, it.statistics))];
  if (it.counts.length > 1) {
    const most = Math.max(...it.counts), n = it.counts.length;
    const bars = shape("svg", { class: `histogram ${kind}`, viewBox: `0 0 ${n} 1`, preserveAspectRatio: "none",
      role: "img", "aria-label": `${words.histogram} ${it.statistics}` });
    it.counts.forEach((count, i) => bars.append(
      shape("rect", { x: i + 0.05, y: 1 - count / most, width: 0.9, height: count / most })));
    made.push(bars);
  }
  if (it.rows.length) made.push(element("pre", {}, it.rows.join("\n")));
  return made;
}

function cardDetails(id) {
  const card = cards[id];
  const maker = Object.keys(circles).find((it) => circles[it].makes.includes(id));
  const users = Object.keys(circles).filter((it) => circles[it].reads.includes(id));
  return [
    element("h2", {}, [card.name, card.shape, card.dtype].filter(Boolean).join(" ")),
    table(
      row(words.kind, words[card.role]),
      maker && row(words["made by"], link(maker), ...circles[maker].reads.map(link)),
      users.length && row(words["used by"], ...users.map(link)),
      card.of.length && row(words["gradient of"], ...card.of.map(link)),
    ),
    ...card.notes.map((note) => element("p", {}, note)),
    ...numbers("forward", words.value, card.value),
    ...(card.gradient ? numbers("backward", card.gradient.name, card.gradient)
      : [element("h2", {}, "–"), element("p", {}, card.reason)]),
  ];
}

function circleDetails(id) {
  const circle = circles[id];
  const own = steps.filter((it) => it.circle === id);
  return [
    element("h2", {}, circle.title),
    table(
      row(words.reads, ...circle.reads.map(link)),
      row(words.makes, ...circle.makes.map(link)),
      circle.module && row(words.inside, circle.module),
      circle.line && row(words.line, circle.line),
      circle.of && row(words["backward of"], link(circle.of)),
    ),
    ...circle.notes.map((note) => element("p", {}, note)),
    ...own.flatMap(told),
  ];
}

function activate(part) {
  const id = part.dataset.id, key = data.echoes[id] ?? id;
  if (id[0] === "f") toggle(+id.slice(1));
  else if (id[0] === "m" && id.slice(1) in sheets) toggle(+id.slice(1));
  else {
    if (key !== id) reveal(key);
    choose(key);
  }
}

world.addEventListener("click", (event) => {
  const part = event.target.closest(".node");
  if (part && moved < 5) activate(part);
});

// An operation and those of its backward pass light each other.
function twins(id) {
  const forward = circles[id]?.of || id;
  if (!(forward in circles)) return [];
  return Object.keys(circles).filter((it) => it === forward || circles[it].of === forward);
}

for (const [event, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]])
  world.addEventListener(event, ({ target }) => {
    const some = twins(target.closest(".node")?.dataset.id);
    if (some.length > 1)
      for (const part of some.flatMap((id) => shown.get(id) ?? [])) part.classList.toggle("twin", on);
  });
