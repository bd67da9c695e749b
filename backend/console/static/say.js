// say has a screen reader read a line out.
export function say(text) {
  document.getElementById("said").textContent = text;
}
