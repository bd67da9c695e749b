import asyncio
import base64
import hashlib
import hmac
import io
import json
import logging
import pathlib
import threading
import time
import unittest

import botgate

here = pathlib.Path(__file__).parent
DELIVERIES = json.loads((here / "../testdata/deliveries.json").read_text(encoding="utf-8"))
VECTORS = json.loads((here / "../../internal/platform/testdata/signature_vectors.json").read_text(encoding="utf-8"))
SECRET = DELIVERIES[0]["secrets"][0]


def signed(key, body=b'{"n":1}'):
    """What Botgate would send now."""
    timestamp = str(int(time.time()))
    mac = hmac.new(base64.b64decode(SECRET[6:]), f"{key}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json", "Ce-Type": "t", "Webhook-Id": key, "Webhook-Timestamp": timestamp,
        "Webhook-Signature": "v1," + base64.b64encode(mac).decode(),
    }, body


def by_wsgi(handle, **options):
    said = wsgi_answers(handle, **options)
    return lambda headers, body: said(headers, body)[0]


def wsgi_answers(handle, **options):
    app = botgate.wsgi([SECRET], handle, **options)

    def send(headers, body):
        environ = {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": headers["Content-Type"], "wsgi.input": io.BytesIO(body)}
        environ.update({"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()})
        started = []
        said = b"".join(app(environ, lambda *start: started.extend(start)))
        return int(started[0].split()[0]), dict(started[1]).get("Content-Type"), said

    return send


def by_asgi(handle, **options):
    said = asgi_answers(handle, **options)
    return lambda headers, body: said(headers, body)[0]


def asgi_answers(handle, **options):
    async def later(event):
        await asyncio.sleep(0)
        return handle(event)

    app = botgate.asgi([SECRET], later, **options)

    def send(headers, body):
        parts = [{"type": "http.request", "body": body[:3], "more_body": True}, {"type": "http.request", "body": body[3:]}]
        sent = []

        async def receive():
            return parts.pop(0)

        async def answer(message):
            sent.append(message)

        scope = {"type": "http", "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()]}
        asyncio.run(app(scope, receive, answer))
        kind = dict(sent[0]["headers"]).get(b"content-type")
        return sent[0]["status"], kind and kind.decode(), sent[1]["body"]

    return send


class Verify(unittest.TestCase):
    def test_deliveries(self):
        for d in DELIVERIES:
            with self.subTest(d["name"]):
                body = base64.b64decode(d["body_base64"])
                if "refused" in d:
                    with self.assertRaises(botgate.Refused) as caught:
                        botgate.verify(body, d["headers"], d["secrets"], d["now"])
                    self.assertEqual(caught.exception.status, d["refused"])
                    continue
                event = botgate.verify(body, d["headers"], d["secrets"], d["now"])
                self.assertEqual({name: getattr(event, name) for name in d["event"]}, d["event"])
                self.assertEqual(event.body, body)
                if "data" in d:
                    self.assertEqual(event.data(), d["data"])
                elif "json" not in event.content_type:
                    self.assertEqual(event.data(), body)

    def test_vectors_of_standard_webhooks(self):
        vectors = [
            v for v in VECTORS
            if v["platform"] == "standard-webhooks" and v["scheme"] == "v1" and "svix-id" not in v["headers"]
        ]
        self.assertGreaterEqual(len(vectors), 5)
        for v in vectors:
            with self.subTest(v["id"]):
                if v["expect_valid"]:
                    event = botgate.verify(v["body"].encode(), v["headers"], [v["secret"]], v["now"])
                    self.assertEqual(event.id, v["headers"]["webhook-id"])
                else:
                    with self.assertRaises(botgate.Refused):
                        botgate.verify(v["body"].encode(), v["headers"], [v["secret"]], v["now"])

    def test_without_a_secret_that_is_one_nothing_starts(self):
        for secrets in [], [None], [""], ["whsec_"], ["c2hvcnQ="], [SECRET, "not base64: " + "," * 30], SECRET:
            with self.subTest(secrets), self.assertRaises(ValueError):
                botgate.wsgi(secrets, print)


class Handlers(unittest.TestCase):
    def setUp(self):
        logging.getLogger("botgate").setLevel(logging.CRITICAL)

    def test_answers(self):
        for start in by_wsgi, by_asgi:
            with self.subTest(start.__name__):
                handled, fail = [], []

                def handle(event):
                    handled.append(event.key)
                    if fail:
                        raise fail[0]

                send = start(handle, seen=botgate.Recent(), max_body=100)
                self.assertEqual(send(*signed("a")), 204)
                self.assertEqual(send(*signed("a")), 204)  # Again: not handled.
                self.assertEqual(send(*signed("a.r1")), 204)  # A replay is.
                fail[:] = [RuntimeError("a bug")]
                self.assertEqual(send(*signed("b")), 500)
                fail[:] = [botgate.Refused(410, "never")]
                self.assertEqual(send(*signed("b")), 410)  # It was not handled before.
                fail.clear()
                self.assertEqual(send(*signed("b")), 204)
                self.assertEqual(handled, ["a", "a.r1", "b", "b", "b"])
                self.assertEqual(send(signed("c")[0], b"forged"), 401)
                self.assertEqual(send(*signed("d", b"x" * 101)), 413)
                self.assertEqual(len(handled), 5)

    def test_what_handle_returns_is_the_answer(self):
        by = "2026-11-20T10:02:41.605Z"
        answers = {"text": "yes", "json": {"n": [1]}, "bytes": b"\0\xff", "empty": ""}
        for start in wsgi_answers, asgi_answers:
            with self.subTest(start.__name__):
                send = start(lambda event: {"by": event.reply_by} if event.key == "by" else answers.get(event.key))

                def said(key):
                    headers, body = signed(key)
                    return send({**headers, "Botgate-Reply-By": by}, body)

                self.assertEqual(said("text"), (200, "text/plain; charset=utf-8", b"yes"))
                self.assertEqual(said("json"), (200, "application/json", b'{"n": [1]}'))
                self.assertEqual(said("bytes"), (200, "application/octet-stream", b"\0\xff"))
                self.assertEqual(said("empty"), (200, "text/plain; charset=utf-8", b""))
                self.assertEqual(said("by"), (200, "application/json", f'{{"by": "{by}"}}'.encode()))
                self.assertEqual(said("nothing"), (204, None, b""))
                self.assertEqual(said("text"), (204, None, b""))  # Again: not handled.

    def test_an_event_that_is_worked_on_is_not_begun_again(self):
        began, finish, statuses = threading.Event(), threading.Event(), []

        def handle(event):
            began.set()
            self.assertTrue(finish.wait(60))

        send = by_wsgi(handle)
        first = threading.Thread(target=lambda: statuses.append(send(*signed("a"))))
        first.start()
        self.assertTrue(began.wait(60))
        self.assertEqual(send(*signed("a")), 409)
        finish.set()
        first.join()
        self.assertEqual(statuses, [204])

    def test_wsgi_says_that_it_is_not_for_async(self):
        async def handle(event):
            await asyncio.sleep(0)

        with self.assertRaisesRegex(TypeError, "asgi"):
            by_wsgi(handle)(*signed("a"))

    def test_recent_forgets_the_oldest(self):
        seen = botgate.Recent(most=2)
        for key in "abc":
            seen.add(key)
        self.assertEqual([key in seen for key in "abc"], [False, True, True])


if __name__ == "__main__":
    unittest.main()
