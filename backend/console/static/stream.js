import { clockOf } from "./clock.js";

// One stream for a tab that is seen: browsers have six connections to a host without HTTP/2.
const statuses = [
  "scheduled", "due", "accepted", "deferred", "released", "replayed", "failed", "expired", "dead", "dropped", "cancelled", "delivered",
  "repeated", "progress",
];
// retry is how long after a stream that was refused another one is asked for, in milliseconds.
const retry = 10_000;

// follow calls heard with what happens, and tell with the state: following, or when it was lost.
export function follow(address, heard, tell) {
  let source = null;
  let last = "";
  let timer = 0;
  const hear = (event) => {
    last = event.lastEventId;
    heard(JSON.parse(event.data));
  };
  const open = () => {
    if (source || document.hidden) return;
    const url = new URL(address, location);
    if (last) url.searchParams.set("last", last);
    source = new EventSource(url);
    source.onopen = () => tell("following");
    source.onerror = () => {
      tell(`lost at ${clockOf()}, trying again`);
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      timer = setTimeout(open, retry);
    };
    for (const status of statuses) source.addEventListener(status, hear);
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}
