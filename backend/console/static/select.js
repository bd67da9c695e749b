import { idOf } from "./copy.js";
import { say } from "./say.js";

// select adds a box to each row of what can be replayed, and a bar that leads to the question whether to.
export function select() {
  for (const table of document.querySelectorAll("table[data-select]")) {
    const rows = [...table.querySelectorAll('tr[data-row="dead"]')];
    if (rows.length > 0) boxes(table, rows);
  }
}

function boxes(table, rows) {
  for (const row of table.rows) {
    if (row.classList.contains("day")) row.cells[0].colSpan++;
    else if (row.parentElement.tagName === "THEAD") headOf(row);
    else row.insertCell(0).className = "pick";
  }
  const bar = barFor(table);
  const all = rows.map((row) => boxOf(row));
  let last = -1;
  all.forEach((box, at) => box.addEventListener("click", (event) => {
    if (event.shiftKey && last >= 0) {
      for (const between of all.slice(Math.min(at, last), Math.max(at, last))) between.checked = box.checked;
    }
    last = at;
    bar(all.filter((one) => one.checked));
  }));
  addEventListener("pageshow", () => bar(all.filter((one) => one.checked))); // A browser keeps boxes over "back".
}

function headOf(row) {
  const head = document.createElement("th");
  head.scope = "col";
  head.className = "pick";
  const label = document.createElement("span");
  label.className = "unseen";
  label.textContent = "Select";
  head.append(label);
  row.prepend(head);
}

function boxOf(row) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.autocomplete = "off";
  const link = row.querySelector("a.id");
  box.dataset.of = idOf(link);
  box.ariaLabel = `Select ${link.textContent}`;
  row.cells[0].append(box);
  return box;
}

// barFor returns what shows how many are selected, and where that leads.
function barFor(table) {
  const bar = document.createElement("div");
  bar.className = "selected";
  bar.hidden = true;
  const text = document.createElement("b");
  const replay = document.createElement("a");
  replay.className = "button main";
  replay.textContent = "Replay these…";
  const clear = document.createElement("button");
  clear.type = "button";
  clear.textContent = "Clear";
  bar.append(text, replay, clear);
  table.after(bar);
  const show = (chosen) => {
    bar.hidden = chosen.length === 0;
    text.textContent = `${chosen.length} selected`;
    replay.href = `${table.dataset.select}?ids=${chosen.map((box) => box.dataset.of).join(",")}`;
    if (chosen.length > 0) say(text.textContent);
  };
  clear.addEventListener("click", () => {
    for (const box of table.querySelectorAll("input:checked")) box.checked = false;
    show([]);
  });
  return show;
}
