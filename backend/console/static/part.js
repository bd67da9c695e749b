import { clockOf } from "./clock.js";
import { copies } from "./copy.js";

// trusted parses pages of this console, and nothing else.
const trusted = globalThis.trustedTypes?.createPolicy("console", { createHTML: (page) => page });
// idle is after how long without input parts are read less often, in milliseconds.
const idle = 120_000;

// parts reads again the parts of a page that say how often, in seconds: not while the page is hidden, or while somebody
// is in that part or has something open there.
export function parts(after) {
  let touched = Date.now();
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { touched = Date.now(); });
  const again = async () => {
    const every = everyOf();
    if (!every) return;
    if (!document.hidden) await read(after);
    setTimeout(again, Date.now() - touched > idle ? Math.max(every, 30) * 1000 : every * 1000);
  };
  const every = everyOf();
  if (every) setTimeout(again, every * 1000);
}

function everyOf() {
  const found = [...document.querySelectorAll("[data-part][data-every]")].map((part) => Number(part.dataset.every));
  return found.length > 0 ? Math.min(...found) : 0;
}

async function read(after) {
  const shown = [...document.querySelectorAll("[data-part]")];
  try {
    const answer = await fetch(location, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const text = await answer.text();
    const page = new DOMParser().parseFromString(trusted ? trusted.createHTML(text) : text, "text/html");
    for (const part of shown) replace(part, page.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`), after);
    stale(false);
  } catch {
    stale(true);
  }
}

// last is what was read of each part.
read.last = new Map();

function replace(part, fresh, after) {
  if (!fresh || read.last.get(part.dataset.part) === fresh.outerHTML) return;
  if (part.contains(document.activeElement) || part.querySelector("details[open]")) return;
  read.last.set(part.dataset.part, fresh.outerHTML);
  const taken = document.importNode(fresh, true);
  part.replaceWith(taken);
  copies(taken);
  after(taken);
}

// stale says since when nothing new could be had.
function stale(is) {
  const note = document.getElementById("stale");
  if (note.hidden === !is) return;
  note.hidden = !is;
  note.textContent = `The console does not answer since ${clockOf()}; what is shown is from before.`;
  document.getElementById("main").classList.toggle("stale", is);
}
