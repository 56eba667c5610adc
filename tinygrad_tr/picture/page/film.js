"use strict";
// One frame at a time is shown: by its slider, by keys, or one after the other.

const find = (id) => document.getElementById(id);
const frames = [...document.querySelectorAll(".frame")];
let position = 0, playing = 0;

function show(k) {
  position = Math.max(0, Math.min(frames.length - 1, k));
  frames.forEach((frame, i) => { frame.style.visibility = i === position ? "visible" : "hidden"; });
  find("time").value = position;
  find("count").value = `${position + 1} / ${frames.length}`;
}

function play(on) {
  clearInterval(playing);
  playing = 0;
  const { dataset } = find("play");
  find("play").textContent = on ? "❚❚" : "▶";
  find("play").setAttribute("aria-label", on ? dataset.pause : dataset.play);
  if (!on) return;
  if (position === frames.length - 1) show(0);
  playing = setInterval(() => {
    show(position + 1);
    if (position === frames.length - 1) play(false);
  }, 250);
}

const actions = {
  first: () => show(0), back: () => show(position - 1), next: () => show(position + 1),
  last: () => show(frames.length - 1),
};
for (const [id, action] of Object.entries(actions))
  find(id).addEventListener("click", () => { play(false); action(); });
find("play").addEventListener("click", () => play(!playing));
find("time").addEventListener("input", (event) => { play(false); show(+event.target.value); });

const keys = { " ": "play", ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last" };
addEventListener("keydown", (event) => {
  const onButton = event.target.matches("button") && event.key === " ";
  if (!(event.key in keys) || onButton || event.target.matches("input")) return;
  find(keys[event.key]).click();
  event.preventDefault();
});

find("time").max = frames.length - 1;
show(0);
