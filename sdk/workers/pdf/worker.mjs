// A worker that makes PDF files:  BOT_TOKEN=… node worker.mjs [gateway [bot [folder]]]
// A job is a command like {"command":"/invoice","args":{"title":"Invoice 7","lines":["1 bot: 5 EUR","…"]}}.
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { receive, Refused } from "../../js/botgate.mjs";
import { pdfOf } from "./pdf.mjs";

const [url = "http://127.0.0.1:8080", bot = "pdf", folder = "."] = process.argv.slice(2);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort());

async function handle(event) {
  const { title, lines } = event.data().args ?? {};
  if (typeof title !== "string" || !Array.isArray(lines) || lines.length > 100_000) throw new Refused(422, "it has no title and lines");
  const content = pdfOf(title, lines.map(String), (done) => event.progress(90 * done));
  const file = join(folder, `${event.id}.pdf`); // An event that comes twice makes one file.
  await writeFile(file + ".part", content);
  await rename(file + ".part", file);
  console.log(`worker: event ${event.id} is in ${file}`);
  return { file: `${event.id}.pdf`, bytes: content.length };
}

console.log(`The worker makes PDF files for ${bot}`);
await receive({ url, bot, token: process.env.BOT_TOKEN, handle, signal: stop.signal, concurrency: 2 });
