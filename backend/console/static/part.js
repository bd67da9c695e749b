import { clockOf } from "./clock.js";
import { copies } from "./copy.js";
import { follow } from "./stream.js";

// trusted parses pages of this console, and nothing else.
const trusted = globalThis.trustedTypes?.createPolicy("console", { createHTML: (page) => page });
// calm is how long after a change parts are read again, in milliseconds: others may follow it.
const calm = 300;
// idle is after how long without input parts are read less often, in milliseconds.
const idle = 120_000;

// parts reads again the parts of a page that say how often, in seconds, or what stream tells of their changes: not while
// the page is hidden, while somebody is in that part, or has something open or selected there, or where the visitor does
// not want pages to follow.
export function parts(after) {
  if (document.body.dataset.live !== "on") return;
  let touched = Date.now();
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { touched = Date.now(); });
  const told = changes(after);
  const again = async () => {
    const every = everyOf();
    if (!every) return;
    if (!document.hidden && !told.following) await read(after);
    setTimeout(again, Date.now() - touched > idle ? Math.max(every, 30) * 1000 : every * 1000);
  };
  const every = everyOf();
  if (every) setTimeout(again, every * 1000);
}

// changes reads the parts again when the stream of one of them begins and tells of a change, until no part has one.
function changes(after) {
  const told = { following: false };
  const followed = document.querySelector("[data-follow]");
  if (!followed) return told;
  let timer = 0;
  const soon = () => {
    timer ||= setTimeout(async () => {
      timer = 0;
      await read(after);
      if (!document.querySelector("[data-follow]")) end();
    }, calm);
  };
  const end = follow(followed.dataset.follow, soon, (state) => {
    told.following = state === "following";
    if (told.following) soon(); // What changed before it began.
  });
  return told;
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
  const chosen = getSelection();
  if (!chosen.isCollapsed && part.contains(chosen.anchorNode)) return;
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
