import base64
import http.server
import json
import logging
import threading
import time
import unittest

import botgate


def until(holds):
    over = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < over
        time.sleep(0.005)


def event(id, data=None, **more):
    return {"id": id, "datacontenttype": "application/json", **({} if data is None else {"data": data}), **more}


class Gateway(http.server.BaseHTTPRequestHandler):
    """A gateway that lends what it is given, and knows what it was told."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        its = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.replace("/v1/bots/demo/", "")
        its.requests.append({"path": path, "token": self.headers["Authorization"], **body})
        if its.failures:
            return self.answer(its.failures.pop(0), {"title": "No.", "detail": "Because."})
        settled = [{"receipt": s["receipt"], "status": its.statuses.pop(s["outcome"], "ok")} for s in body["settle"]]
        its.told += body["settle"]
        if path == "settle":
            return self.answer(200, {"settled": settled})
        over = time.monotonic() + float(body["wait"][:-1])
        while not its.waiting and time.monotonic() < over and not its.closed:
            time.sleep(0.005)
        events, its.waiting = its.waiting[: body["max"]], its.waiting[body["max"]:]
        defaults = {"source": "/bots/demo", "type": "command", "subject": "alice", "time": "2026-01-01T00:00:00Z"}
        self.answer(200, {"settled": settled, "events": [
            {"receipt": "p." + e["id"], "attempt": 2, "lease_until": "", **e.pop("about", {}), "event": {**defaults, **e}} for e in events
        ]})

    def answer(self, status, body):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


class TestReceive(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        its = self.gateway = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
        its.handle_error = lambda *_: None  # A receive may be interrupted.
        its.waiting, its.requests, its.told, its.statuses, its.failures, its.closed = [], [], [], {}, [], False
        threading.Thread(target=its.serve_forever, args=(0.01,), daemon=True).start()

    def tearDown(self):
        self.gateway.closed = True
        self.gateway.shutdown()
        self.gateway.server_close()

    def start(self, handle, **options):
        """Receives in a thread, and returns what ends it."""
        stop, ended = threading.Event(), []
        options = {"token": "secret", "wait": 0.2, **options}
        url = f"http://127.0.0.1:{self.gateway.server_port}"

        def run():
            try:
                botgate.receive(url, "demo", handle=handle, stop=stop, **options)
            except Exception as error:
                ended.append(error)

        thread = threading.Thread(target=run)
        thread.start()

        def end():
            stop.set()
            thread.join(60)
            self.assertFalse(thread.is_alive())
            return ended

        self.addCleanup(end)
        return end

    def about(self, id):
        return next(s for s in self.gateway.told if s["receipt"] == "p." + id)

    def test_what_handle_does_settles_the_event_with_the_next_receive(self):
        def fail(error):
            raise error

        async def later():
            return "later"

        does = {
            "text": lambda e: "done", "object": lambda e: {"n": 1}, "bytes": lambda e: b"\xff", "nothing": lambda e: None,
            "error": lambda e: fail(ValueError("a bug")), "refused": lambda e: fail(botgate.Refused(422, "never")),
            "busy": lambda e: fail(botgate.Refused(429, "later")), "form": lambda e: ",".join(e.data()["a"]), "async": lambda e: later(),
        }
        ids = [id for id in does if id != "form"]
        self.gateway.waiting = [event(id, 1) for id in ids] + [
            event("form", datacontenttype="application/x-www-form-urlencoded", data_base64=base64.b64encode(b"a=1&a=2").decode()),
            event("text", 1),  # It was handled.
            event("text", 1, about={"replay": 1}),
        ]
        handled = []

        def handle(e):
            handled.append((e.key, e.type, e.subject, e.attempt, e.replay))
            return does[e.id](e)

        self.start(handle, concurrency=1, token=lambda: "fresh", types=["com*"])
        until(lambda: len(self.gateway.told) == 11)
        def answer(id):
            said = self.about(id)["answer"]
            return said["content_type"], base64.b64decode(said["body_base64"])

        self.assertEqual((self.about("text")["receipt"], self.about("text")["outcome"]), ("p.text", "ack"))
        self.assertEqual(answer("text"), ("text/plain; charset=utf-8", b"done"))
        self.assertEqual(answer("object"), ("application/json", b'{"n": 1}'))
        self.assertEqual(answer("bytes"), ("application/octet-stream", b"\xff"))
        self.assertEqual(self.about("nothing"), {"receipt": "p.nothing", "outcome": "ack"})
        self.assertEqual([answer(id)[1] for id in ("form", "async")], [b"1,2", b"later"])
        self.assertEqual([self.about(id)["outcome"] for id in ("error", "refused", "busy")], ["retry", "dead", "retry"])
        self.assertEqual(handled[0], ("text", "command", "alice", 2, 0))
        self.assertEqual([key for key, *_ in handled], ids + ["form", "text.r1"])
        self.assertEqual({(r["path"], r["token"]) for r in self.gateway.requests}, {("receive", "Bearer fresh")})
        self.assertEqual(self.gateway.requests[0]["types"], ["com*"])

    def test_as_many_run_at_once_as_concurrency_says_and_what_ends_while_it_waits_is_settled_at_once(self):
        self.gateway.waiting = [event(f"e{n}", n) for n in range(3)]
        ends = []

        def handle(e):
            end = threading.Event()
            ends.append(end)
            end.wait(60)

        self.start(handle, concurrency=2, wait=30)
        until(lambda: len(ends) == 2)
        self.assertEqual(len(self.gateway.waiting), 1)
        ends[0].set()
        until(lambda: len(ends) == 3)
        ends[1].set()
        until(lambda: len(self.gateway.told) == 2)
        ends[2].set()  # A receive that nothing comes for is under way.
        until(lambda: len(self.gateway.told) == 3)
        self.assertIn("settle", [r["path"] for r in self.gateway.requests])

    def test_a_lease_goes_on_while_its_handler_runs_which_is_told_when_it_is_lost(self):
        self.gateway.waiting = [event("e", 1)]
        lost = threading.Event()

        def handle(e):
            until(lambda: len(self.gateway.told) >= 2)
            self.gateway.statuses["extend"] = "lost"
            if e.vain.wait(60):
                lost.set()

        self.start(handle, lease=0.3)
        self.assertTrue(lost.wait(60))
        self.assertEqual(self.gateway.told[0], {"receipt": "p.e", "outcome": "extend"})

    def test_progress_is_told_at_once(self):
        self.gateway.waiting = [event("e", 1)]

        def handle(e):
            e.progress(0.4)
            until(lambda: len(self.gateway.told) == 1)
            e.progress(99.7)
            until(lambda: len(self.gateway.told) == 2)

        self.start(handle)
        until(lambda: len(self.gateway.told) >= 3)
        said = [(s["outcome"], s.get("progress")) for s in self.gateway.told[:3]]
        self.assertEqual(said, [("extend", 1), ("extend", 100), ("ack", None)])

    def test_a_stop_waits_for_handlers_and_gives_back_what_they_do_not_end(self):
        self.gateway.waiting = [event("ends", 1), event("hangs", 2)]
        started = {}

        def handle(e):
            started[e.id] = e
            e.vain.wait(0.1 if e.id == "ends" else None)

        end = self.start(handle, wait=60, grace=0.5)
        until(lambda: len(started) == 2)
        self.assertEqual(end(), [])
        outcomes = {s["receipt"]: (s["outcome"], s.get("after")) for s in self.gateway.told}
        self.assertEqual(outcomes, {"p.ends": ("ack", None), "p.hangs": ("retry", "0s")})
        self.assertEqual([started[id].vain.is_set() for id in ("ends", "hangs")], [False, True])

    def test_a_gateway_that_fails_is_asked_again_and_what_it_was_not_told_is_told_again(self):
        self.gateway.failures = [503, 429]
        self.gateway.waiting = [event("e", 1)]

        def handle(e):
            self.gateway.failures = [502]
            self.gateway.statuses["ack"] = "unavailable"

        self.start(handle, concurrency=1)
        until(lambda: len(self.gateway.told) >= 2)
        self.assertEqual([s["outcome"] for s in self.gateway.told[:2]], ["ack", "ack"])

    def test_what_does_not_get_better_ends_it(self):
        self.gateway.failures = [403]
        with self.assertRaisesRegex(Exception, "the gateway answers 403: No.: Because."):
            botgate.receive(f"http://127.0.0.1:{self.gateway.server_port}", "demo", "token", print)
        for wrong in ({"concurrency": 0}, {"url": "gate.example"}):
            with self.assertRaises(ValueError):
                botgate.receive(**{"url": "http://x", "bot": "demo", "token": "t", "handle": print, **wrong})


if __name__ == "__main__":
    unittest.main()
