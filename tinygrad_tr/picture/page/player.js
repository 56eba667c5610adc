"use strict";
// Goes from 0 to `last`: by buttons, a slider, keys, or by itself. Whoever plays says what a
// position `draws` and how it is `counted`, how many milliseconds it `rests`, and what to do
// after a `move`.

const find = (id) => document.getElementById(id);

function player({ last, draws, counted, rests, moved = () => {} }) {
  let position = 0, waiting = 0;

  function show(k) {
    position = Math.max(0, Math.min(last, k));
    find("time").value = position;
    find("count").value = counted(position);
    for (const id of ["first", "back"]) find(id).disabled = position === 0;
    for (const id of ["next", "last"]) find(id).disabled = position === last;
    draws(position);
  }

  function play(on) {
    clearTimeout(waiting);
    waiting = 0;
    const button = find("play"), { play: name, pause } = button.dataset;
    button.textContent = on ? "❚❚" : "▶";
    button.title = on ? pause : name;
    button.setAttribute("aria-label", button.title);
    if (!on) return;
    if (position === last) show(0);
    const go = () => {
      show(position + 1);
      moved();
      if (position === last) play(false);
      else waiting = setTimeout(go, rests());
    };
    waiting = setTimeout(go, 150);
  }

  function move(k) {
    play(false);
    show(k);
    moved();
  }

  const buttons = {
    first: () => move(0), back: () => move(position - 1), next: () => move(position + 1),
    last: () => move(last), play: () => play(!waiting),
  };
  for (const [id, action] of Object.entries(buttons)) find(id).addEventListener("click", action);
  find("time").max = last;
  find("time").addEventListener("input", (event) => move(+event.target.value));
  return { show, move };
}

// Each key clicks the button that it stands for, unless a special one is `pressed`.
function listen(keys, pressed = () => false) {
  const all = { " ": "play", ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last", ...keys };
  addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select, summary")) return;
    const onButton = target.matches("button") && key === " "; // which it presses itself
    if (!pressed(event)) {
      if (!(key in all) || onButton) return;
      find(all[key]).click();
    }
    event.preventDefault();
  });
}
