// One frame at a time is shown.

const frames = [...document.querySelectorAll(".frame")];

player({
  last: frames.length - 1,
  counted: (position) => `${position + 1} / ${frames.length}`,
  rests: () => 250,
  draws: (position) =>
    frames.forEach((frame, i) => { frame.style.visibility = i === position ? "visible" : "hidden"; }),
}).show(0);
listen({});
