// colours of the lines, on a light page and on a dark one.
const colours = [["#14608c", "#7cc0ee"], ["#8a5a00", "#e2b04a"]];

// resized has for each place of a chart what watches its width.
const resized = new WeakMap();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts());

// charts draws the tables of numbers, which stay for those who read them.
export function charts(within = document) {
  const tables = [...within.querySelectorAll("table[data-chart]")];
  if (tables.length === 0 || !globalThis.uPlot) return;
  for (const table of tables) draw(table);
}

function draw(table) {
  const figure = table.closest("figure");
  const place = figure.querySelector(".plot");
  const zone = document.querySelector("[data-zone]")?.dataset.zone ?? "UTC";
  const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  const rows = [...table.tBodies[0].rows];
  const data = [rows.map((row) => Number(row.cells[0].dataset.at))];
  names.forEach((_, i) => data.push(rows.map((row) => (row.cells[i + 1].textContent === "" ? null : Number(row.cells[i + 1].textContent)))));
  const style = getComputedStyle(document.documentElement);
  const dark = style.colorScheme === "dark" || (style.colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const axis = { stroke: dark ? "#9ba7b3" : "#545f6b", grid: { stroke: dark ? "#2b333b" : "#dfe3e8", width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  const label = figure.dataset.unit === "ms" ? durationOf : (n) => n.toLocaleString("en").replaceAll(",", "\u202f");
  resized.get(place)?.disconnect();
  place.replaceChildren();
  const plot = new globalThis.uPlot({
    width: place.clientWidth || 300,
    height: 130,
    tzDate: (seconds) => globalThis.uPlot.tzDate(new Date(seconds * 1000), zone),
    scales: { y: { range: (_, low, high) => [0, Math.max(high, 1)] } },
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    padding: [8, 20, 0, 0],
    axes: [{ ...axis, size: 24, gap: 4, values: (_, ticks) => ticks.map(clock), space: 60 }, { ...axis, size: 48, space: 28, values: (_, ticks) => ticks.map(label) }],
    series: [{}, ...names.map((label, i) => ({ label, stroke: colours[i][dark ? 1 : 0], width: 1.5, spanGaps: false, points: { show: false, filter: alone, size: 5 } }))],
  }, data, place);
  const observer = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 130 }));
  observer.observe(place);
  resized.set(place, observer);
}

// durationOf is a number of milliseconds for an axis.
function durationOf(ms) {
  if (ms < 1000) return `${ms} ms`;
  return ms < 60_000 ? `${ms / 1000} s` : `${Number((ms / 60_000).toFixed(1))} min`;
}

// alone are the points without a neighbour, which a line does not show.
function alone(plot, of) {
  const values = plot.data[of];
  return [...values.keys()].filter((i) => values[i] != null && values[i - 1] == null && values[i + 1] == null);
}
