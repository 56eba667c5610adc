// Buttons, keys, search, the list of all steps, and the beginning.

const actions = {
  "zoom-in": () => zoom(1.3), "zoom-out": () => zoom(1 / 1.3), fit: () => fit(),
  "open-all": () => { Object.keys(sheets).forEach((it) => opened.add(+it)); rebuild(); begin(); },
  "close-all": () => { opened.clear(); rebuild(); begin(); },
  theme: () => {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    paint();
  },
};
for (const [id, action] of Object.entries(actions)) find(id).addEventListener("click", action);

listen({ "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", 0: "fit" }, ({ key, target }) => {
  const part = target.closest("[data-id]");
  if (key === "/") find("query").focus();
  else if (key === "Escape") choose("");
  else if (part && (key === "Enter" || key === " ")) activate(part);
  else return false;
  return true;
});

const named = Object.entries(cards).filter(([, card]) => card.name).map(([id, card]) => [card.name, id])
  .concat(Object.entries(circles).map(([id, circle]) => [circle.title, id]));
for (const name of new Set(named.map(([name]) => name))) find("names").append(element("option", { value: name }));
find("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const query = find("query").value.toLowerCase().trim();
  if (!query) return;
  const hits = named.filter(([name]) => name.toLowerCase().includes(query))
    .sort(([a], [b]) => a.length - b.length).map(([, id]) => id);
  const id = hits[(hits.indexOf(chosen) + 1) % hits.length]; // again: the next one
  find("query").setAttribute("aria-invalid", String(!id));
  if (id) { reveal(id); choose(id); } else find("details").replaceChildren(element("p", {}, words["not found"]));
});

find("all").addEventListener("toggle", () => {
  const list = find("all").querySelector("ol");
  if (list.children.length) return;
  list.append(...steps.map((it, i) => {
    const text = [it.formula, ...it.arrivals.map(({ formula }) => formula)].filter(Boolean).join("  ·  ");
    const button = element("button", {}, `${it.backward ? "◀" : "▶"} ${text}`);
    button.addEventListener("click", () => move(i + 1));
    return element("li", {}, button);
  }));
  markStep();
});

function markStep() {
  find("all").querySelectorAll("li button").forEach((button, i) => {
    if (i + 1 === position) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  });
}

// ---------------------------------------------------------------- findings

find("findings").hidden = !data.findings.length;
find("findings").querySelector("summary").textContent = `${words.findings} (${data.findings.length})`;
find("findings").querySelector("ul").append(...data.findings.map(({ text, name, id }) => {
  const button = element("button", {}, [name, text].filter(Boolean).join("  "));
  button.addEventListener("click", () => { reveal(id); choose(id); });
  return element("li", {}, button);
}));

rebuild();
color(data.color);
begin();
addEventListener("resize", begin);
