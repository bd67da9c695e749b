import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { receive, Refused } from "./botgate.mjs";

// A gateway that lends what it is given, and knows what it was told.
class Gateway {
  waiting = []; // Events to lend.
  requests = []; // What was asked, in order.
  told = []; // Settlements.
  statuses = {}; // What a settlement is answered, once, by its outcome; "ok" otherwise.
  failures = []; // Statuses that the next requests are answered with.
  server = http.createServer(async (req, res) => {
    const parts = [];
    for await (const part of req) parts.push(part);
    const body = JSON.parse(Buffer.concat(parts));
    const path = req.url.replace("/v1/bots/demo/", "");
    this.requests.push({ path, token: req.headers.authorization, ...body });
    const failure = this.failures.shift();
    if (failure) return res.writeHead(failure).end('{"title":"No.","detail":"Because."}');
    const settled = body.settle.map(({ receipt, outcome }) => {
      const status = this.statuses[outcome] ?? "ok";
      delete this.statuses[outcome];
      return { receipt, status };
    });
    this.told.push(...body.settle);
    if (path === "settle") return res.end(JSON.stringify({ settled }));
    for (const over = Date.now() + parseFloat(body.wait) * 1000; this.waiting.length === 0 && Date.now() < over; ) await later(5);
    const events = this.waiting.splice(0, body.max).map((event, n) => ({
      receipt: `p.${event.id}`, attempt: 2, lease_until: new Date(Date.now() + parseFloat(body.lease) * 1000).toISOString(), ...event.about,
      event: { specversion: "1.0", source: "/bots/demo", type: "command", subject: "alice", time: "2026-01-01T00:00:00Z", ...event, about: undefined },
    }));
    res.end(JSON.stringify({ events, settled }));
  });

  async run(t, options, meanwhile) {
    await new Promise((listening) => this.server.listen(0, "127.0.0.1", listening));
    t.after(() => this.server.close().closeAllConnections());
    const stop = new AbortController();
    const running = receive({
      url: `http://127.0.0.1:${this.server.address().port}`, bot: "demo", token: "secret", wait: 0.2, signal: stop.signal, ...options,
    });
    const failed = new Promise((_, fail) => running.catch(fail));
    await Promise.race([meanwhile(), failed]);
    stop.abort();
    await running;
  }

  // Returns once it was told so many settlements.
  async hears(count) {
    await until(() => this.told.length >= count);
  }
}

const later = (ms) => new Promise((over) => setTimeout(over, ms));
async function until(holds) {
  for (const over = Date.now() + 60_000; !holds(); await later(5)) assert.ok(Date.now() < over, holds.toString());
}
const json = (id, data, about) => ({ id, datacontenttype: "application/json", data, about });

test("what handle does settles the event, with the next receive", async (t) => {
  t.mock.method(console, "error", () => {});
  const gateway = new Gateway();
  gateway.waiting = [
    json("text", 1), json("object", 2), json("bytes", 3), json("nothing", 4), json("error", 5), json("refused", 6), json("busy", 7),
    { id: "form", datacontenttype: "application/x-www-form-urlencoded", data_base64: Buffer.from("a=1&a=2").toString("base64") },
    json("text", 1), // It was handled.
    json("text", 1, { replay: 1 }),
  ];
  const does = {
    text: () => "done", object: () => ({ n: 1 }), bytes: () => new Uint8Array([255]), nothing() {}, form: (event) => event.data().getAll("a").join(),
    error: () => { throw new Error("a bug"); }, refused: () => { throw new Refused(422, "never"); }, busy: () => { throw new Refused(429, "later"); },
  };
  const handled = [];
  const handle = async (event) => {
    handled.push([event.key, event.type, event.subject, event.attempt, event.replay]);
    return does[event.id](event);
  };
  await gateway.run(t, { handle, concurrency: 1, token: async () => "fresh", types: ["com*"] }, async () => {
    await gateway.hears(10);
    assert.ok(gateway.requests.every(({ path, token }) => path === "receive" && token === "Bearer fresh"), "one request for each");
  });
  const about = (receipt) => gateway.told.find((s) => s.receipt === `p.${receipt}`);
  const answer = (type, said) => ({ content_type: type, body_base64: btoa(said) });
  assert.deepEqual(about("text"), { receipt: "p.text", outcome: "ack", answer: answer("text/plain; charset=utf-8", "done") });
  assert.deepEqual(about("object").answer, answer("application/json", '{"n":1}'));
  assert.deepEqual(about("bytes").answer, { content_type: "application/octet-stream", body_base64: "/w==" });
  assert.deepEqual(about("nothing"), { receipt: "p.nothing", outcome: "ack" });
  assert.equal(atob(about("form").answer.body_base64), "1,2");
  assert.deepEqual(["error", "refused", "busy"].map((id) => about(id).outcome), ["retry", "dead", "retry"]);
  assert.deepEqual(handled[0], ["text", "command", "alice", 2, 0]);
  assert.deepEqual(handled.map(([key]) => key), ["text", "object", "bytes", "nothing", "error", "refused", "busy", "form", "text.r1"]);
  assert.deepEqual(gateway.requests[0].types, ["com*"]);
});

test("as many run at once as concurrency says, and what ends while it waits is settled at once", async (t) => {
  const gateway = new Gateway();
  gateway.waiting = [1, 2, 3].map((n) => json(`e${n}`, n));
  const ends = [];
  await gateway.run(t, { handle: () => new Promise((end) => ends.push(end)), concurrency: 2, wait: 30 }, async () => {
    await until(() => ends.length === 2);
    assert.equal(gateway.waiting.length, 1);
    ends[0]();
    await until(() => ends.length === 3);
    ends[1]();
    await gateway.hears(1);
    ends[2](); // A receive that nothing comes for is under way.
    await gateway.hears(3);
    assert.ok(gateway.requests.some(({ path }) => path === "settle"));
  });
});

test("a lease goes on while its handler runs, which is told when it is lost", async (t) => {
  const gateway = new Gateway();
  gateway.waiting = [json("e", 1)];
  let lost = false;
  const handle = async (event) => {
    await gateway.hears(2);
    gateway.statuses.extend = "lost";
    await until(() => event.signal.aborted);
    lost = true;
  };
  await gateway.run(t, { handle, lease: 0.3 }, () => until(() => lost));
  assert.deepEqual(gateway.told[0], { receipt: "p.e", outcome: "extend" });
});

test("progress is told at once", async (t) => {
  const gateway = new Gateway();
  gateway.waiting = [json("e", 1)];
  const handle = async (event) => {
    event.progress(0.4);
    await gateway.hears(1);
    event.progress(99.7);
    await gateway.hears(2);
  };
  await gateway.run(t, { handle }, () => gateway.hears(3));
  assert.deepEqual(gateway.told.slice(0, 3).map(({ outcome, progress }) => [outcome, progress]), [["extend", 1], ["extend", 100], ["ack", undefined]]);
});

test("a stop waits for handlers, and gives back what they don't end", async (t) => {
  const gateway = new Gateway();
  gateway.waiting = [json("ends", 1), json("hangs", 2)];
  const started = [];
  const handle = (event) => {
    started.push(event);
    return event.id === "ends" ? later(100) : new Promise(() => {});
  };
  await gateway.run(t, { handle, wait: 60, grace: 0.5 }, () => until(() => started.length === 2));
  const outcomes = Object.fromEntries(gateway.told.map(({ receipt, outcome, after }) => [receipt, [outcome, after]]));
  assert.deepEqual(outcomes, { "p.ends": ["ack", undefined], "p.hangs": ["retry", "0s"] });
  assert.deepEqual(started.map(({ id, signal }) => [id, signal.aborted]), [["ends", false], ["hangs", true]]);
});

test("a gateway that fails is asked again, and what it was not told is told again", async (t) => {
  t.mock.method(console, "error", () => {});
  const gateway = new Gateway();
  gateway.failures = [503, 429];
  gateway.waiting = [json("e", 1)];
  const handle = () => {
    gateway.failures = [502];
    gateway.statuses.ack = "unavailable";
  };
  await gateway.run(t, { handle, concurrency: 1 }, () => gateway.hears(2));
  assert.deepEqual(gateway.told.slice(0, 2).map(({ outcome }) => outcome), ["ack", "ack"]);
});

test("what does not get better ends it", async (t) => {
  const gateway = new Gateway();
  gateway.failures = [403];
  await assert.rejects(gateway.run(t, { handle() {} }, () => new Promise(() => {})), /the gateway answers 403: No\.: Because\./);
  await assert.rejects(receive({ url: "http://x", bot: "b", token: "t", handle() {}, concurrency: 0 }), TypeError);
});
