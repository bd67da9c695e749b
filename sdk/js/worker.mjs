// A worker that asks for its jobs: BOT_TOKEN=… node worker.mjs [gateway [bot]]
// A job is a command like {"command":"/report","args":{"pages":3}}.
import { receive, Refused } from "./botgate.mjs";

const [url = "http://127.0.0.1:8080", bot = "demo"] = process.argv.slice(2);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort());

async function handle(event) {
  const pages = event.data().args?.pages;
  if (!Number.isInteger(pages) || pages < 1) throw new Refused(422, "a report has pages");
  for (let page = 1; page <= pages; page++) {
    await new Promise((done) => setTimeout(done, 200)); // The work.
    if (event.signal.aborted) throw new Error("somebody else has the job");
    event.progress((100 * page) / pages);
  }
  console.log(`worker: ${pages} pages for ${event.subject}, attempt ${event.attempt} of event ${event.id}`);
  return { pages };
}

console.log(`The worker asks ${url} for the events of ${bot}`);
await receive({ url, bot, token: process.env.BOT_TOKEN, handle, signal: stop.signal });
console.log("The worker has given back what it had");
