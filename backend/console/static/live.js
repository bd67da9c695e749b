import { clockOf } from "./clock.js";
import { say } from "./say.js";
import { follow } from "./stream.js";

// mostRows is how many the tail keeps.
const mostRows = 500;
// paintEvery is how often rows are added at most, in milliseconds.
const paintEvery = 100;
// paintRows is how many are added at once at most, so that the page answers between two of these. The rest comes next.
const paintRows = 100;

export function live() {
  const news = document.querySelector("[data-counts]");
  if (news && document.body.dataset.live === "on") counts(news);
  const tail = document.querySelector("[data-tail]");
  if (tail) shows(tail);
}

// counts says how many new events a list does not show; nothing moves until somebody asks for them.
function counts(news) {
  const wanted = news.dataset.status ? news.dataset.status.split(",") : ["accepted", "deferred"];
  const fresh = new Set();
  const since = clockOf();
  let reported = 0; // Reports have no id, and say how many they are about.
  follow(news.dataset.counts, (notice) => {
    if (notice.id && (!wanted.includes(notice.status) || document.querySelector(`a.id[href$="${CSS.escape(notice.id)}"]`))) return;
    if (notice.id) fresh.add(notice.id);
    else reported += notice.new;
    const number = fresh.size + reported;
    const many = number < 1000 ? number : "1000 or more";
    if (fresh.size > 1000) fresh.delete(notice.id);
    news.hidden = false;
    news.querySelector("b").textContent = `↑ ${many} new`;
    news.querySelector("span").textContent = `since ${since}`;
  }, () => {});
}

// shows adds a row for all that happens. Scrolling stops it, and says so.
function shows(tail) {
  const body = tail.querySelector("tbody");
  const state = document.querySelector("[data-state]");
  const pause = document.querySelector("[data-pause]");
  const waiting = [];
  let paused = false;
  let skipped = 0;
  let connection = "not connected";
  const tell = () => {
    const missed = skipped > 0 ? `, ${skipped} skipped` : "";
    state.textContent = paused ? `paused, ${waiting.length} waiting${missed}` : connection + missed;
    pause.textContent = paused ? "Resume" : "Pause";
  };
  const set = (value) => {
    paused = value;
    tell();
    say(paused ? "Paused" : "Resumed");
  };
  pause.hidden = false;
  pause.addEventListener("click", () => set(!paused));
  for (const kind of ["wheel", "touchmove"]) tail.addEventListener(kind, () => { if (!paused) set(true); }, { passive: true });
  tail.addEventListener("keydown", (event) => { if (!paused && ["ArrowUp", "PageUp", "Home"].includes(event.key)) set(true); });
  follow(tail.dataset.tail, (notice) => {
    waiting.push(notice);
    if (waiting.length > mostRows) {
      waiting.shift();
      skipped++;
    }
  }, (now) => { connection = now; tell(); });
  setInterval(() => {
    if (paused) return tell();
    if (waiting.length === 0) return;
    tail.querySelector("[data-empty]").hidden = true;
    body.append(...waiting.splice(0, paintRows).map((notice) => rowOf(notice)));
    while (body.rows.length > mostRows) body.rows[0].remove();
    tail.scrollTop = tail.scrollHeight;
    tell();
  }, paintEvery);
}

// rowOf shows a notice. All of it is text.
function rowOf(notice) {
  const row = document.createElement("tr");
  row.dataset.row = "";
  const mark = document.getElementById("marks").content.querySelector(`[data-status="${CSS.escape(notice.status)}"]`);
  const link = document.createElement("a");
  link.className = "id";
  link.href = `/console/events/${encodeURIComponent(notice.id)}`;
  link.textContent = notice.id.slice(-8);
  const clock = clockOf(notice.at, true);
  const cells = [[clock, "time"], [mark?.cloneNode(true) ?? notice.status, ""], [notice.bot, ""], [notice.type, "wide"], [notice.subject ?? "–", "wide"], [link, "end"]];
  for (const [content, name] of cells) {
    const cell = row.insertCell();
    cell.className = name;
    const isolated = document.createElement("bdi");
    isolated.append(content);
    cell.append(isolated);
  }
  return row;
}
