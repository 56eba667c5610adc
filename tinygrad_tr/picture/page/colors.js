// Colours that stand for a number: the norm of a gradient, the gain of an operation, the size.

let quantity = "";

function paint() {
  const dark = document.documentElement.dataset.theme === "dark" ? 1 : 0;
  const parts = data.colors[quantity]?.parts ?? {};
  for (const [id, some] of shown)
    for (const part of some) {
      const ground = part.querySelector("path, ellipse, polygon"), tone = parts[id];
      if (!part.classList.contains("node") || !ground || part.dataset.id !== id) continue;
      ground.style.fill = tone ? tone[dark] : "";
      part.style.setProperty("--on-tone", tone ? tone[2 + dark] : "");
      part.classList.toggle("toned", Boolean(tone));
    }
  scaleBar(dark);
}

function scaleBar(dark) {
  const scale = data.colors[quantity];
  find("scale").hidden = !scale;
  if (!scale) return;
  const bar = element("div", { class: "bar" }), ticks = element("div", { class: "ticks" });
  bar.style.background = `linear-gradient(to right, ${scale.bar.map((tone) => tone[dark]).join(", ")})`;
  for (const [place, text] of scale.ticks) {
    const tick = element("span", {}, text);
    tick.style.left = `${100 * place}%`;
    ticks.append(tick);
  }
  find("scale").replaceChildren(element("div", { class: "faint" }, scale.name), bar, ticks);
}

function color(name) {
  quantity = name;
  find("color").value = name;
  paint();
}

for (const [name, { name: text }] of Object.entries(data.colors))
  find("color").append(element("option", { value: name }, text));
find("color").addEventListener("change", (event) => color(event.target.value));
