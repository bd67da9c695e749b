// What a bot behind Botgate needs: check who sent a delivery, read it, act on it once. One file without
// dependencies: copy it. For Node 18 and later, Bun and Deno.
//
//   import { fetchHandler, nodeHandler } from "./botgate.mjs";
//   const options = { secrets: [process.env.BOT_SECRET], handle: async (event) => { … } };
//
//   http.createServer(nodeHandler(options)).listen(9090);                                   // node:http
//   app.post("/events", express.raw({ type: () => true, limit: "32mb" }), nodeHandler(options)); // Express
//   const handler = fetchHandler(options); app.post("/events", (c) => handler(c.req.raw));  // Hono; also Bun, Deno
//
// handle gets an Event. When it returns, the delivery is answered with 204. When it throws, it is answered with 500,
// and Botgate tries again; a Refused is answered with its status, of which 410 and 422 make the event a dead letter.
import { createHmac, timingSafeEqual } from "node:crypto";

const TOLERANCE = 300; // Seconds that a timestamp may be off.
const MAX_BODY = 32 << 20; // Bytes.
const MAX_SIGNATURES = 16;
const REMEMBERED = 10_000;

/** A delivery that is not taken. The status is what Botgate gets. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** A delivery whose signature was checked. */
export class Event {
  constructor(body, header, id, replay) {
    const attribute = (name) => decodeURIComponent(header("ce-" + name) ?? "");
    this.body = body; // The sender's bytes, as a Buffer.
    this.contentType = header("content-type") ?? "";
    this.key = header("webhook-id"); // One for an event and each replay of it: what was handled is known by it.
    this.id = id;
    this.type = attribute("type");
    this.source = attribute("source");
    this.subject = attribute("subject"); // The user, or "".
    this.time = attribute("time"); // When it was accepted, in the form of RFC 3339.
    this.replay = replay; // Above 0: somebody wants it to be handled again.
  }

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
  return new Event(Buffer.from(body), header, id, Number(replay ?? 0));
}

/** A handler (req, res) for node:http, and for Express behind express.raw(). */
export function nodeHandler(options) {
  const take = taker(options);
  return async (req, res) => {
    const [status, message] = await take(req.headers, (max) => nodeBody(req, max));
    res.statusCode = status;
    if (!req.complete) res.setHeader("connection", "close"); // The rest of the body is not wanted.
    res.end(message);
  };
}

/** A handler from Request to Response, for Hono, Bun, Deno and whatever else has the Fetch API. */
export function fetchHandler(options) {
  const take = taker(options);
  return async (request) => {
    const [status, message] = await take(request.headers, (max) => read(request.body ?? [], max));
    return new Response(message || null, { status });
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
      await handle(event);
      await seen.add(key);
      return [204, ""];
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
