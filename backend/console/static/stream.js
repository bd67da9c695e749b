import { clockOf } from "./clock.js";

// names are those of the events in streams: the statuses of events, and what else is followed.
const names = [
  "scheduled", "due", "accepted", "deferred", "released", "replayed", "failed", "expired", "dead", "dropped", "cancelled", "delivered",
  "repeated", "progress", "answered", "job", "report",
];
// retry is how long after a stream that was refused another one is asked for, in milliseconds.
const retry = 10_000;
// followed are the streams of this tab, by their addresses: browsers have six connections to a host without HTTP/2.
const followed = new Map();

// follow calls heard with what happens, and tell with the state: following, or when it was lost. What it returns ends it.
export function follow(address, heard, tell) {
  const follower = { heard, tell };
  if (!followed.has(address)) followed.set(address, connect(address, new Set()));
  const stream = followed.get(address);
  stream.followers.add(follower);
  return () => {
    stream.followers.delete(follower);
    if (stream.followers.size > 0) return;
    stream.end();
    followed.delete(address);
  };
}

// connect keeps a stream open while the tab is seen.
function connect(address, followers) {
  let source = null;
  let last = "";
  let timer = 0;
  const tell = (state) => followers.forEach((follower) => follower.tell(state));
  const hear = (event) => {
    last = event.lastEventId;
    const happened = JSON.parse(event.data);
    followers.forEach((follower) => follower.heard(happened));
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
    for (const name of names) source.addEventListener(name, hear);
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const ended = new AbortController();
  const { signal } = ended;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()), { signal });
  addEventListener("pagehide", close, { signal });
  addEventListener("pageshow", open, { signal });
  open();
  return { followers, end: () => { ended.abort(); close(); } };
}
