// What a bot behind Botgate needs: check who sent a delivery, or ask for it, read it, act on it once. One file without
// dependencies: copy it. For Node 18 and later, Bun and Deno.
//
//   import { fetchHandler, nodeHandler } from "./botgate.mjs";
//   const options = { secrets: [process.env.BOT_SECRET], handle: async (event) => { … } };
//
//   http.createServer(nodeHandler(options)).listen(9090);                                   // node:http
//   app.post("/events", express.raw({ type: () => true, limit: "32mb" }), nodeHandler(options)); // Express
//   const handler = fetchHandler(options); app.post("/events", (c) => handler(c.req.raw));  // Hono; also Bun, Deno
//
// handle gets an Event. What it returns is the bot's answer: a text, bytes or a value of JSON, with 200; nothing is 204.
// When it throws, the delivery is answered with 500, and Botgate tries again; a Refused is answered with its status, of
// which 410 and 422 make the event a dead letter.
//
// A bot without a public address asks for its events, and all else is the same:
//
//   await receive({ url: "https://gate.example", bot: "demo", token: process.env.BOT_TOKEN, handle, signal });
import { createHmac, timingSafeEqual } from "node:crypto";

const TOLERANCE = 300; // Seconds that a timestamp may be off.
const MAX_BODY = 32 << 20; // Bytes.
const MAX_SIGNATURES = 16;
const REMEMBERED = 10_000;
// Statuses of 4xx that may be others later. All others of them make an event a dead letter.
const TEMPORARY = [401, 403, 404, 405, 407, 408, 409, 421, 423, 425, 426, 429, 431, 451];

/** A delivery that is not taken. The status is what Botgate gets. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** An event of the bot. */
export class Event {
  body; // The sender's bytes, as a Buffer; of JSON that receive got, the same value written anew.
  contentType;
  key; // One for an event and each replay of it: what was handled is known by it.
  id;
  type;
  source;
  subject; // The user, or "".
  time; // When it was accepted, in the form of RFC 3339.
  replay; // Above 0: somebody wants it to be handled again.
  replyBy; // Until when a platform's request waits for the answer, in the form of RFC 3339; undefined where none does.
  constructor(fields) {
    Object.assign(this, fields);
  }

  /** Says how many percent of the work are done, of an event that receive got. Botgate shows that. */
  progress() {}

  /** The body as its content type says: a value of JSON, a form as URLSearchParams, else the bytes. */
  data() {
    const type = this.contentType.split(";")[0].trim().toLowerCase();
    if (type === "application/json" || type.endsWith("+json")) return JSON.parse(this.body.toString("utf8"));
    if (type === "application/x-www-form-urlencoded") return new URLSearchParams(this.body.toString("utf8"));
    return this.body;
  }
}

/**
 * Returns the Event of a delivery which one of the secrets signed, or throws Refused.
 * body is a Buffer or Uint8Array, headers a Headers or an object, now the time in seconds.
 */
export function verify(body, headers, secrets, now = Date.now() / 1000) {
  const header = reader(headers);
  const [key, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(header);
  // Another dot could be moved between id, timestamp and body, with the same signature.
  const [, id, replay] = /^([^.]+)(?:\.r(\d{1,9}))?$/.exec(key ?? "") ?? [];
  if (!id) throw new Refused(401, "no webhook-id, or not one of Botgate");
  if (!/^\d{1,12}$/.test(timestamp ?? "") || Math.abs(now - Number(timestamp)) > TOLERANCE)
    throw new Refused(401, "the webhook-timestamp is more than 5 minutes off: is the clock right?");
  const given = (signature ?? "").split(" ", MAX_SIGNATURES).filter((s) => s.startsWith("v1,"));
  const signed = keysOf(secrets).some((secret) => {
    const mac = createHmac("sha256", secret).update(`${key}.${timestamp}.`).update(body).digest("base64");
    return given.some((s) => equal(s.slice(3), mac));
  });
  if (!signed) throw new Refused(401, "none of the secrets made this signature");
  const [type, source, subject, time] = ["type", "source", "subject", "time"].map((name) => decodeURIComponent(header("ce-" + name) ?? ""));
  const contentType = header("content-type") ?? "";
  const replyBy = header("botgate-reply-by");
  return new Event({ body: Buffer.from(body), contentType, key, id, type, source, subject, time, replay: Number(replay ?? 0), replyBy });
}

/** A handler (req, res) for node:http, and for Express behind express.raw(). */
export function nodeHandler(options) {
  const take = taker(options);
  return async (req, res) => {
    const [status, message, type] = await take(req.headers, (max) => nodeBody(req, max));
    res.statusCode = status;
    if (type) res.setHeader("content-type", type);
    if (!req.complete) res.setHeader("connection", "close"); // The rest of the body is not wanted.
    res.end(message);
  };
}

/** A handler from Request to Response, for Hono, Bun, Deno and whatever else has the Fetch API. */
export function fetchHandler(options) {
  const take = taker(options);
  return async (request) => {
    const [status, message, type] = await take(request.headers, (max) => read(request.body ?? [], max));
    return new Response(message || null, { status, headers: type ? { "content-type": type } : {} });
  };
}

/** Remembers the last keys in memory. Several processes share something else with has(key) and add(key). */
export class Recent {
  #keys = new Set();
  has(key) {
    return this.#keys.has(key);
  }
  add(key) {
    if (this.#keys.size >= REMEMBERED) this.#keys.delete(this.#keys.values().next().value);
    this.#keys.add(key);
  }
}

/**
 * Asks for the events of a bot, has handle work on each, and settles it by what came of that, until signal (an
 * AbortSignal) says to stop. Then handlers get grace seconds to end, and what they don't end goes back. Throws what does
 * not get better by itself, such as a token that is none.
 *
 * token is a text, or returns one for each request. concurrency is how many handlers run at once; an event is theirs for
 * lease seconds, again and again while its handler runs. types are patterns like "telegram.*". event.attempt counts
 * from 1; event.signal says that the work is in vain, since somebody else gets the event.
 */
export async function receive(options) {
  await new Receiver(options).run();
}

class Receiver {
  #running = new Map(); // By receipt: what tells its handler that it works in vain, and until when it has the event.
  #said = new Map(); // By receipt: the settlement that is to be sent.
  #asking = false;
  #ended = () => {};
  #sending = null;

  constructor({ url, bot, token, handle, signal, concurrency = 8, lease = 60, wait = 20, grace = 10, types, seen = new Recent() }) {
    if (!(concurrency >= 1 && concurrency <= 100)) throw new TypeError("concurrency is from 1 to 100");
    this.base = new URL(`/v1/bots/${encodeURIComponent(bot)}/`, url);
    this.stop = signal ?? new AbortController().signal;
    this.stop.addEventListener("abort", () => this.#ended(), { once: true });
    Object.assign(this, { token, handle, concurrency, lease, wait, grace, types, seen });
  }

  async run() {
    const renewal = setInterval(() => this.#renew(), (this.lease * 1000) / 3);
    try {
      for (let failures = 0; !this.stop.aborted; ) {
        if (this.#running.size < this.concurrency) failures = await this.#ask(failures);
        else await new Promise((ended) => (this.#ended = ended));
      }
    } finally {
      for (const over = Date.now() + this.grace * 1000; this.#running.size > 0 && Date.now() < over; ) await sleep(50);
      clearInterval(renewal);
      for (const receipt of this.#running.keys()) this.#giveBack(receipt);
      await this.#send();
    }
  }

  // Takes events once. Returns how often in a row that has failed.
  async #ask(failures) {
    const ask = { max: this.concurrency - this.#running.size, wait: `${this.wait}s`, lease: `${this.lease}s`, types: this.types };
    try {
      this.#asking = true;
      const { events } = await this.#post("receive", ask, this.wait + 30, this.stop);
      this.#asking = false;
      for (const one of events) this.#begin(one);
      return 0;
    } catch (error) {
      this.#asking = false;
      if (this.stop.aborted) return 0;
      if (error.isFinal) throw error;
      console.error("botgate: trying again:", error);
      await sleep(Math.min(15_000, 500 * 2 ** failures) * (0.5 + Math.random() / 2), this.stop);
      return failures + 1;
    }
  }

  async #begin({ receipt, attempt, replay = 0, lease_until, reply_by: replyBy, event }) {
    if (this.stop.aborted) return this.#giveBack(receipt);
    const vain = new AbortController();
    this.#running.set(receipt, { vain, until: Date.parse(lease_until) });
    const settlement = { receipt, outcome: "ack" };
    try {
      const work = Object.assign(pulled(event, replay), { attempt, replyBy, signal: vain.signal, progress: (percent) => this.#progress(receipt, percent) });
      if (!(await this.seen.has(work.key))) {
        const [contentType, said] = answerOf(await this.handle(work));
        if (contentType) settlement.answer = { content_type: contentType, body_base64: Buffer.from(said).toString("base64") };
        await this.seen.add(work.key);
      }
    } catch (error) {
      settlement.outcome = error instanceof Refused && isFinal(error.status) ? "dead" : "retry";
      if (!(error instanceof Refused)) console.error("botgate:", error);
    }
    if (this.#running.delete(receipt)) this.#say(settlement, this.#asking); // Else it was given back.
    this.#ended();
  }

  #progress(receipt, percent) {
    const progress = Math.min(100, Math.max(1, Math.round(percent)));
    if (this.#running.has(receipt)) this.#say({ receipt, outcome: "extend", progress }, true);
  }

  #giveBack(receipt) {
    this.#running.get(receipt)?.vain.abort();
    this.#running.delete(receipt);
    this.#say({ receipt, outcome: "retry", after: "0s" }, false);
  }

  #renew() {
    for (const [receipt, { vain, until }] of this.#running) {
      if (Date.now() > until) vain.abort(); // The gateway was out of reach for so long.
      if (!this.#said.has(receipt)) this.#say({ receipt, outcome: "extend" }, true);
    }
  }

  // Has a settlement sent: at once, or with the next receive, where that does not wait for events already.
  #say(settlement, atOnce) {
    this.#said.set(settlement.receipt, settlement);
    if (atOnce) this.#sending ??= sleep(0).then(() => this.#send()).finally(() => (this.#sending = null));
  }

  async #send() {
    for (let failures = 0; this.#said.size > 0 && failures < 4; ) {
      const isDone = await this.#post("settle", {}, 10).then(({ isDone }) => isDone, (error) => console.error("botgate:", error));
      if (!isDone) await sleep(250 * 2 ** ++failures);
    }
  }

  // Makes a request that settles what there is to settle.
  async #post(path, body, seconds, signal) {
    const settle = [...this.#said.values()];
    this.#said.clear();
    const again = (s) => this.#said.has(s.receipt) || this.#said.set(s.receipt, s);
    try {
      const answer = await this.#request(path, JSON.stringify({ ...body, settle }), seconds, signal);
      const status = new Map(answer.settled.map(({ receipt, status }) => [receipt, status]));
      const unknown = settle.filter(({ receipt }) => status.get(receipt) === "unavailable");
      unknown.forEach(again);
      for (const { receipt, outcome } of settle) {
        const work = this.#running.get(receipt);
        if (status.get(receipt) === "lost") work?.vain.abort();
        else if (work && outcome === "extend") work.until = Date.now() + this.lease * 1000;
      }
      return { events: answer.events, isDone: unknown.length === 0 };
    } catch (error) {
      settle.forEach(again); // One that was taken already does no harm.
      throw error;
    }
  }

  async #request(path, body, seconds, signal) {
    const over = new AbortController();
    const abort = () => over.abort(new Error("the gateway did not answer in time"));
    const timer = setTimeout(abort, seconds * 1000);
    signal?.addEventListener("abort", abort);
    try {
      const token = typeof this.token === "function" ? await this.token() : this.token;
      const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
      const response = await fetch(new URL(path, this.base), { method: "POST", headers, body, signal: over.signal });
      if (response.ok) return await response.json();
      const { title, detail } = await response.json().catch(() => ({}));
      const isFinal = response.status < 500 && response.status !== 408 && response.status !== 429;
      throw Object.assign(new Error([`the gateway answers ${response.status}`, title, detail].filter(Boolean).join(": ")), { isFinal });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

// An event in the structured mode of CloudEvents.
function pulled({ id, type, source, subject = "", time, datacontenttype: contentType = "", data, data_base64 }, replay) {
  const body = data === undefined ? Buffer.from(data_base64 ?? "", "base64") : Buffer.from(JSON.stringify(data));
  return new Event({ body, contentType, key: replay > 0 ? `${id}.r${replay}` : id, id, type, source, subject, time, replay });
}

// The type of what handle returned, and its bytes or text; nothing for nothing.
function answerOf(value) {
  if (value === undefined) return [];
  if (typeof value === "string") return ["text/plain; charset=utf-8", value];
  if (value instanceof Uint8Array) return ["application/octet-stream", value];
  return ["application/json", JSON.stringify(value)];
}

function isFinal(status) {
  return status >= 400 && status < 500 && !TEMPORARY.includes(status);
}

function sleep(ms, signal) {
  return new Promise((over) => {
    const timer = setTimeout(over, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), over()), { once: true });
  });
}

// What all handlers do. seen.has and seen.add may return promises.
function taker({ secrets, handle, seen = new Recent(), maxBody = MAX_BODY }) {
  keysOf(secrets); // A wrong secret is to be seen at the start.
  const running = new Set();
  return async (headers, body) => {
    let key;
    try {
      const event = verify(await body(maxBody), headers, secrets);
      // An answer that came too late is no reason to do it twice at once.
      if (running.has(event.key)) throw new Refused(409, "it is worked on");
      running.add((key = event.key));
      if (await seen.has(key)) return [204, ""];
      const [type, said] = answerOf(await handle(event));
      await seen.add(key);
      return type ? [200, said, type] : [204, ""];
    } catch (error) {
      if (error instanceof Refused) return [error.status, error.message];
      console.error("botgate:", error);
      return [500, "the bot failed"];
    } finally {
      running.delete(key);
    }
  };
}

function nodeBody(req, max) {
  // A request that is destroyed could not be answered.
  if (req.body === undefined) return read(req.iterator({ destroyOnReturn: false }), max);
  if (Buffer.isBuffer(req.body)) return req.body;
  throw new Error("a parser was before the bot and took the bytes that are signed: use express.raw()");
}

async function read(stream, max) {
  const parts = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > max) throw new Refused(413, `the body has more than ${max} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function reader(headers) {
  if (typeof headers.get === "function") return (name) => headers.get(name) ?? undefined;
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return (name) => lower[name];
}

function keysOf(secrets) {
  const keys = secrets.map((secret) => {
    const text = (secret ?? "").trim().replace(/^whsec_/, "");
    const key = Buffer.from(text, "base64");
    if (!/^[A-Za-z0-9+/]+=*$/.test(text) || key.length < 24 || key.length > 64)
      throw new TypeError("a secret is 24 to 64 bytes in base64, with or without whsec_ before it");
    return key;
  });
  if (keys.length === 0) throw new TypeError("there is no secret");
  return keys;
}

function equal(a, b) {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
