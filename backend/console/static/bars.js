import { clockOf } from "./clock.js";

// width and height are the size of a bar, in the picture's own units.
const width = 10;
const height = 40;
const kinds = ["accepted", "failed", "dead"];

// bars draws what happened in the window of a list, and has somebody choose a window there: from the bar where the
// pointer went down to the one where it came up.
export function bars() {
  const figure = document.querySelector(".bars[data-numbers]");
  if (!figure) return;
  const steps = figure.dataset.numbers.split(",").map((step) => step.split(" ").map(Number));
  const { chart, chosen } = draw(steps);
  figure.prepend(chart);
  fill(figure, steps);
  choose(figure, steps, chart, chosen);
}

// draw has what is bad stand in front of what was accepted.
function draw(steps) {
  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const most = Math.max(1, ...steps.map(([accepted, failed, dead]) => Math.max(accepted, failed + dead)));
  const shape = (numberOf) => steps.map((step, i) => {
    const number = numberOf(step);
    const top = height - Math.ceil((number * height) / most); // One of many is seen, too.
    return number ? `M${i * width} ${top}h${width - 1}V${height}h${1 - width}z` : "";
  }).join("");
  const chart = make("svg", { viewBox: `0 0 ${steps.length * width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const chosen = make("path", { class: "chosen" });
  chart.append(chosen, make("path", { d: shape((step) => step[0]) }), make("path", { class: "warn", d: shape((step) => step[1] + step[2]) }), make("path", { class: "bad", d: shape((step) => step[2]) }));
  return { chart, chosen };
}

// timeOf is when a bar begins.
function timeOf(figure, bar) {
  return new Date((Number(figure.dataset.from) + bar * Number(figure.dataset.step)) * 1000);
}

// fill writes the numbers down for those who read them.
function fill(figure, steps) {
  const body = figure.querySelector("tbody");
  steps.forEach((step, i) => {
    if (step.every((number) => number === 0)) return;
    const row = body.insertRow();
    const time = document.createElement("th");
    time.scope = "row";
    time.textContent = clockOf(timeOf(figure, i));
    row.append(time);
    for (const number of step) row.insertCell().textContent = number;
  });
  figure.querySelector("details").hidden = false;
}

function choose(figure, steps, chart, chosen) {
  const caption = figure.querySelector("figcaption");
  const about = caption.textContent;
  let begun = -1;
  // under are the first and the last bar between where the pointer went down, if it did, and where it is.
  const under = (event) => {
    const box = chart.getBoundingClientRect();
    const at = Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * steps.length), 0), steps.length - 1);
    return [Math.min(at, begun < 0 ? at : begun), Math.max(at, begun)];
  };
  chart.addEventListener("pointerdown", (event) => { if (event.button === 0) [begun] = under(event); });
  chart.addEventListener("pointermove", (event) => {
    const [first, last] = under(event);
    chosen.setAttribute("d", `M${first * width} 0H${(last + 1) * width}V${height}H${first * width}z`);
    const sum = kinds.map((kind, i) => `${steps.slice(first, last + 1).reduce((all, step) => all + step[i], 0)} ${kind}`);
    caption.textContent = `${clockOf(timeOf(figure, first))} – ${clockOf(timeOf(figure, last + 1))}: ${sum.join(", ")}`;
  });
  chart.addEventListener("pointerup", (event) => {
    if (begun < 0) return;
    const [first, last] = under(event);
    const page = new URL(figure.dataset.page, location);
    page.searchParams.set("from", timeOf(figure, first).toISOString());
    page.searchParams.set("to", timeOf(figure, last + 1).toISOString());
    location.assign(page);
  });
  for (const kind of ["pointerleave", "pointercancel"]) {
    chart.addEventListener(kind, () => {
      begun = -1;
      chosen.removeAttribute("d");
      caption.textContent = about;
    });
  }
}
