// Single keys. None changes anything without a page that asks first.
let pending = false;

export function keys() {
  if (document.body.dataset.keys !== "on") return;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return escape(event);
    if (event.target.closest("input, textarea, select")) return;
    if (press(event.key)) event.preventDefault();
  });
}

// press reports whether the key did something.
function press(key) {
  if (pending) {
    pending = false;
    return follow(`[data-go="${CSS.escape(key)}"]`);
  }
  switch (key) {
    case "g":
      pending = true;
      setTimeout(() => { pending = false; }, 1500);
      return true;
    case "/":
      document.getElementById("find")?.focus();
      return true;
    case "j":
    case "k":
      return move(key === "j" ? 1 : -1) || follow(`[data-key="${key}"]`);
    case "Enter":
      return document.activeElement === document.body && follow("tr.here a.id, tr.here a.open");
    case "x":
      return follow("tr.here input");
    case "c":
      return follow("tr.here .copy") || follow('[data-key="c"]');
    default:
      return follow(`[data-key="${CSS.escape(key)}"]`);
  }
}

// follow does what a click on the element does.
function follow(selector) {
  const target = document.querySelector(selector);
  target?.click();
  return Boolean(target);
}

function move(by) {
  const rows = [...document.querySelectorAll("tr[data-row]")];
  if (rows.length === 0) return false;
  const at = rows.findIndex((row) => row.classList.contains("here"));
  const next = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
  rows[at]?.classList.remove("here");
  next.classList.add("here");
  next.scrollIntoView({ block: "nearest" });
  document.activeElement?.blur();
  return true;
}

function escape(event) {
  const open = document.querySelector("details.more[open], details.who[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  } else if (event.target.closest("input, textarea")) {
    event.target.blur();
  } else {
    follow('[data-key="Escape"]');
  }
}
