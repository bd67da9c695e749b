// formats are those that were used, by what they also show: making one costs more than all else of a row.
const formats = new Map();

// clockOf is the time of a moment, by default of now, in the zone of the page; exact shows milliseconds.
export function clockOf(moment = Date.now(), exact = false) {
  if (!formats.has(exact)) formats.set(exact, formatOf(exact));
  return formats.get(exact).format(new Date(moment));
}

function formatOf(exact) {
  const timeZone = document.querySelector("[data-zone]")?.dataset.zone ?? "UTC";
  const parts = { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return new Intl.DateTimeFormat("en-GB", exact ? { ...parts, fractionalSecondDigits: 3 } : parts);
}
