// clockOf is the time of a moment, by default of now, in the zone of the page.
export function clockOf(moment = Date.now(), also = {}) {
  const timeZone = document.querySelector("[data-zone]")?.dataset.zone ?? "UTC";
  return new Date(moment).toLocaleTimeString("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit", ...also });
}
