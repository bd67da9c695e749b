import { say } from "./say.js";

// copies has the buttons for it copy: they are hidden where there are no scripts.
export function copies(within = document) {
  for (const link of within.querySelectorAll("a.id")) link.after(buttonFor(link));
  for (const button of within.querySelectorAll("button[data-copy], button[data-copy-from]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const from = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom + " pre");
      await copy(from ? from.textContent : button.dataset.copy);
      say("Copied");
      flash(button);
    });
  }
}

// idOf is the whole id that a link is to.
export function idOf(link) {
  return link.pathname.split("/").at(-1);
}

// buttonFor copies the whole id of which a row shows the end.
function buttonFor(link) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy icon";
  button.dataset.copy = idOf(link);
  const icon = document.createElement("span");
  icon.ariaHidden = "true";
  const label = document.createElement("span");
  label.className = "unseen";
  label.textContent = `Copy ${link.textContent}`;
  button.append(icon, label);
  return button;
}

// copy falls back where the page is neither on https nor on localhost, for which browsers have no clipboard.
async function copy(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch { /* Not allowed: the other way. */ }
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// flash shows for a moment that it was done.
function flash(button) {
  const icon = button.querySelector("[aria-hidden]");
  icon?.classList.add("done");
  setTimeout(() => icon?.classList.remove("done"), 1200);
}
