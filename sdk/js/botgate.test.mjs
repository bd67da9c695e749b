import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import { after, test } from "node:test";
import { fetchHandler, nodeHandler, Recent, Refused, verify } from "./botgate.mjs";

const load = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url)));
const deliveries = load("../testdata/deliveries.json");
const published = load("../../internal/platform/testdata/signature_vectors.json");
const secret = deliveries[0].secrets[0];
const bytes = (d) => Buffer.from(d.body_base64, "base64");

for (const d of deliveries)
  test(`verify: ${d.name}`, () => {
    const check = () => verify(new Uint8Array(bytes(d)), d.headers, d.secrets, d.now);
    if (d.refused) return assert.throws(check, { constructor: Refused, status: d.refused });
    const event = check();
    for (const [name, value] of Object.entries(d.event)) assert.equal(event[name], value, name);
    assert.deepEqual(event.body, bytes(d));
    const data = event.data();
    if (data instanceof URLSearchParams)
      for (const name of data.keys()) assert.deepEqual(data.getAll(name), d.data[name]);
    else if (d.data || !Buffer.isBuffer(data)) assert.deepEqual(data, d.data ?? JSON.parse(event.body));
    else assert.deepEqual(data, bytes(d));
  });

test("the vectors of Standard Webhooks", () => {
  const vectors = published.filter((v) => v.scheme === "v1" && v.platform === "standard-webhooks" && !v.headers["svix-id"]);
  assert.ok(vectors.length >= 5);
  for (const v of vectors) {
    const check = () => verify(Buffer.from(v.body), new Headers(v.headers), [v.secret], v.now);
    if (v.expect_valid) assert.equal(check().id, v.headers["webhook-id"]);
    else assert.throws(check, Refused, v.id);
  }
});

test("without a secret that is one, nothing starts", () => {
  for (const secrets of [[], [undefined], [""], ["whsec_"], ["c2hvcnQ="], [secret, "not base64: ,,,,,,,,,,,,,,,,,,,,,,,,,,,,"]])
    assert.throws(() => nodeHandler({ secrets, handle() {} }), TypeError);
});

// Both handlers, told apart by how a delivery gets to them.
const handlers = {
  async fetch(options) {
    const handler = fetchHandler(options);
    return (init) => handler(new Request("http://bot/events", { method: "POST", duplex: "half", ...init }));
  },
  async "node:http"(options) {
    const server = http.createServer(nodeHandler(options)).listen(0, "127.0.0.1");
    after(() => server.close().closeAllConnections());
    await new Promise((listening) => server.once("listening", listening));
    return (init) => fetch(`http://127.0.0.1:${server.address().port}/`, { method: "POST", ...init });
  },
  async "Express behind express.raw()"(options) {
    const handler = nodeHandler(options);
    return async ({ headers, body }) => {
      const res = { headers: new Headers(), setHeader: (name, value) => res.headers.set(name, value), end: (body) => (res.body = body) };
      await handler({ headers: Object.fromEntries(new Headers(headers)), body: Buffer.from(body), complete: true }, res);
      return new Response(res.body || null, { status: res.statusCode, headers: res.headers });
    };
  },
};

// What Botgate would send now.
async function signed(key, body = '{"n":1}') {
  const { createHmac } = await import("node:crypto");
  const timestamp = String(Math.floor(Date.now() / 1000));
  const mac = createHmac("sha256", Buffer.from(secret.slice(6), "base64")).update(`${key}.${timestamp}.`).update(body);
  const headers = { "content-type": "application/json", "ce-type": "t", "webhook-id": key, "webhook-timestamp": timestamp };
  return { headers: { ...headers, "webhook-signature": `v1,${mac.digest("base64")}` }, body };
}

for (const [name, start] of Object.entries(handlers))
  test(`handler: ${name}`, async (t) => {
    t.mock.method(console, "error", () => {});
    const handled = [];
    let fail = null;
    const send = await start({
      secrets: [secret], maxBody: 100, seen: new Recent(),
      async handle(event) {
        handled.push(event.key);
        if (fail) throw fail;
      },
    });
    const status = async (init) => (await send(init)).status;

    assert.equal(await status(await signed("a")), 204);
    assert.equal(await status(await signed("a")), 204); // Again: not handled.
    assert.equal(await status(await signed("a.r1")), 204); // A replay is.
    fail = new Error("a bug");
    assert.equal(await status(await signed("b")), 500);
    fail = new Refused(410, "never");
    assert.equal(await status(await signed("b")), 410); // It was not handled before.
    fail = null;
    assert.equal(await status(await signed("b")), 204);
    assert.deepEqual(handled, ["a", "a.r1", "b", "b", "b"]);
    assert.equal(await status({ ...(await signed("c")), body: "forged" }), 401);
    if (!name.startsWith("Express")) assert.equal(await status(await signed("d", "x".repeat(1 << 20))), 413);
    assert.equal(handled.length, 5);
  });

for (const [name, start] of Object.entries(handlers))
  test(`what handle returns is the answer: ${name}`, async () => {
    const answers = { text: "yes", json: { n: [1] }, bytes: new Uint8Array([0, 255]), empty: "", by: null };
    const send = await start({ secrets: [secret], handle: (event) => (event.key === "by" ? { by: event.replyBy } : answers[event.key]) });
    const said = async (key) => {
      const delivery = await signed(key);
      delivery.headers["botgate-reply-by"] = "2026-11-20T10:02:41.605Z";
      const response = await send(delivery);
      return [response.status, response.headers.get("content-type"), Buffer.from(await response.arrayBuffer()).toString("latin1")];
    };
    assert.deepEqual(await said("text"), [200, "text/plain; charset=utf-8", "yes"]);
    assert.deepEqual(await said("json"), [200, "application/json", '{"n":[1]}']);
    assert.deepEqual(await said("bytes"), [200, "application/octet-stream", "\0\xff"]);
    assert.deepEqual(await said("empty"), [200, "text/plain; charset=utf-8", ""]);
    assert.deepEqual(await said("by"), [200, "application/json", '{"by":"2026-11-20T10:02:41.605Z"}']);
    assert.equal((await said("nothing"))[0], 204);
    assert.equal((await said("text"))[0], 204); // Again: not handled.
  });

test("an event that is worked on is not begun again", async () => {
  let finish;
  const handler = fetchHandler({ secrets: [secret], handle: () => new Promise((done) => (finish = done)) });
  const send = async () => handler(new Request("http://bot/", { method: "POST", ...(await signed("a")) }));
  const first = send();
  while (!finish) await new Promise(setImmediate);
  assert.equal((await send()).status, 409);
  finish();
  assert.equal((await first).status, 204);
  assert.equal((await send()).status, 204);
});

test("bytes that a parser took are a mistake of the bot", async (t) => {
  const error = t.mock.method(console, "error", () => {});
  const res = { setHeader() {}, end() {} };
  await nodeHandler({ secrets: [secret], handle() {} })({ headers: {}, body: { n: 1 }, complete: true }, res);
  assert.equal(res.statusCode, 500);
  assert.match(String(error.mock.calls[0].arguments[1]), /express\.raw/);
});

test("Recent forgets the oldest", () => {
  const seen = new Recent();
  for (let i = 0; i <= 10_000; i++) seen.add(i);
  assert.deepEqual([seen.has(0), seen.has(1), seen.has(10_000)], [false, true, true]);
});
