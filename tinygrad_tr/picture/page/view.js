// The view: moving and zooming with the mouse, with fingers and with keys.

const READABLE = 0.75; // of the size that Graphviz drew in
const view = { x: 0, y: 0, scale: 1 };

function look() {
  world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
}

function pan(dx, dy) {
  view.x += dx;
  view.y += dy;
  look();
}

function zoom(by, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const scale = Math.min(8, Math.max(0.02, view.scale * by));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  look();
}

function fit(least = 0) {
  const [w, h] = [canvas.clientWidth, canvas.clientHeight];
  view.scale = Math.min(1.6, Math.max(least, Math.min(w / whole.width, h / whole.height)));
  view.x = (w - whole.width * view.scale) / 2;
  view.y = Math.max(0, (h - whole.height * view.scale) / 2);
  look();
}

// A large graph begins at its beginning, in a size that can be read.
function begin() {
  fit(READABLE);
  const first = visible(steps[0]?.circle ?? "")[0];
  if (whole.width * view.scale > canvas.clientWidth && first) {
    const { left, width } = first.getBoundingClientRect();
    pan(canvas.getBoundingClientRect().left + canvas.clientWidth / 2 - left - width / 2, 0);
  }
}

function center(part) {
  if (!part) return;
  const box = part.getBoundingClientRect(), frame = canvas.getBoundingClientRect();
  pan(frame.left + frame.width / 2 - box.left - box.width / 2,
    frame.top + frame.height / 2 - box.top - box.height / 2);
}

// Brings what is lit into view, if it is not.
function follow() {
  const part = world.querySelector(".now") ?? world.querySelector(".lit");
  if (!part) return;
  const box = part.getBoundingClientRect(), frame = canvas.getBoundingClientRect();
  if (box.left < frame.left || box.right > frame.right || box.top < frame.top
    || box.bottom > frame.bottom) center(part);
}

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const { left, top } = canvas.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 500), event.clientX - left, event.clientY - top);
}, { passive: false });

// One finger or the mouse moves the picture, two fingers zoom.
const fingers = new Map();
let moved = 0;
canvas.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, event);
  moved = 0;
});
addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  moved += Math.abs(dx) + Math.abs(dy);
  if (fingers.size === 1) pan(dx, dy);
  else {
    const [other] = [...fingers.values()].filter((it) => it.pointerId !== event.pointerId);
    const far = (it) => Math.hypot(it.clientX - other.clientX, it.clientY - other.clientY);
    const { left, top } = canvas.getBoundingClientRect();
    zoom(far(event) / Math.max(1, far(before)), other.clientX - left, other.clientY - top);
  }
  fingers.set(event.pointerId, event);
});
for (const end of ["pointerup", "pointercancel"])
  addEventListener(end, (event) => fingers.delete(event.pointerId));
