"""What a bot behind Botgate needs: check who sent a delivery, read it, act on it once.

One file without dependencies: copy it. For Python 3.9 and later.

    import botgate

    def handle(event): ...
    app = botgate.wsgi([os.environ["BOT_SECRET"]], handle)        # gunicorn, uWSGI, waitress, wsgiref

    async def handle(event): ...
    app = botgate.asgi([os.environ["BOT_SECRET"]], handle)        # uvicorn, hypercorn; Starlette: Mount

Within a framework, call verify() with the raw body: request.get_data() in Flask, await request.body() in FastAPI.

handle gets an Event. When it returns, the delivery is answered with 204. When it raises, it is answered with 500, and
Botgate tries again; a Refused is answered with its status, of which 410 and 422 make the event a dead letter.
"""
import base64
import binascii
import hashlib
import hmac
import inspect
import json
import logging
import re
import threading
import time
from collections import OrderedDict
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

TOLERANCE = 300  # Seconds that a timestamp may be off.
MAX_BODY = 32 << 20  # Bytes.
MAX_SIGNATURES = 16


class Refused(Exception):
    """A delivery that is not taken. The status is what Botgate gets."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = HTTPStatus(status)


class Event:
    """A delivery whose signature was checked."""

    def __init__(self, body, headers, event_id, replay):
        def attribute(name):
            return unquote(headers.get("ce-" + name, ""))

        self.body = body  # The sender's bytes.
        self.content_type = headers.get("content-type", "")
        self.key = headers["webhook-id"]  # One for an event and each replay of it: what was handled is known by it.
        self.id = event_id
        self.type = attribute("type")
        self.source = attribute("source")
        self.subject = attribute("subject")  # The user, or "".
        self.time = attribute("time")  # When it was accepted, in the form of RFC 3339.
        self.replay = replay  # Above 0: somebody wants it to be handled again.

    def data(self):
        """The body as its content type says: a value of JSON, a form as a dict of lists, else the bytes."""
        kind = self.content_type.split(";")[0].strip().lower()
        if kind == "application/json" or kind.endswith("+json"):
            return json.loads(self.body)
        if kind == "application/x-www-form-urlencoded":
            return parse_qs(self.body.decode(), keep_blank_values=True)
        return self.body


class Recent:
    """Remembers the last keys in memory. Several processes share something else with "in" and add()."""

    def __init__(self, most=10_000):
        self._keys, self._most = OrderedDict(), most

    def __contains__(self, key):
        return key in self._keys

    def add(self, key):
        self._keys[key] = None
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)


def verify(body, headers, secrets, now=None):
    """Returns the Event of a delivery which one of the secrets signed, or raises Refused.

    body is bytes, headers a mapping of str, now the time in seconds.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    key, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    # Another dot could be moved between id, timestamp and body, with the same signature.
    parts = re.fullmatch(r"([^.]+)(?:\.r([0-9]{1,9}))?", key)
    if not parts:
        raise Refused(401, "no webhook-id, or not one of Botgate")
    now = time.time() if now is None else now
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > TOLERANCE:
        raise Refused(401, "the webhook-timestamp is more than 5 minutes off: is the clock right?")
    given = headers.get("webhook-signature", "").split(" ")[:MAX_SIGNATURES]
    for secret in _keys_of(secrets):
        mac = hmac.new(secret, f"{key}.{timestamp}.".encode("latin-1") + body, hashlib.sha256).digest()
        expected = b"v1," + base64.b64encode(mac)
        if any(hmac.compare_digest(expected, one.encode("latin-1", "replace")) for one in given):
            return Event(body, headers, parts[1], int(parts[2] or 0))
    raise Refused(401, "none of the secrets made this signature")


def wsgi(secrets, handle, seen=None, max_body=MAX_BODY):
    """A WSGI application that calls handle(event)."""
    take = _taker(secrets, handle, seen)

    def application(environ, start_response):
        def body():
            size = int(environ.get("CONTENT_LENGTH") or 0)
            if size > max_body:
                raise Refused(413, f"the body has more than {max_body} bytes")
            return environ["wsgi.input"].read(size)

        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        work = take(headers, body)
        try:
            work.send(None)
        except StopIteration as end:
            status, message = end.value
        else:
            work.close()
            raise TypeError("an async handle needs botgate.asgi")
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain")] if message else [])
        return [message.encode()]

    return application


def asgi(secrets, handle, seen=None, max_body=MAX_BODY):
    """An ASGI application that calls handle(event), which may be async."""
    take = _taker(secrets, handle, seen)

    async def application(scope, receive, send):
        async def body():
            parts, size, more = [], 0, True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "the body broke off")
                parts.append(message.get("body", b""))
                size, more = size + len(parts[-1]), message.get("more_body", False)
                if size > max_body:
                    raise Refused(413, f"the body has more than {max_body} bytes")
            return b"".join(parts)

        if scope["type"] != "http":
            raise ValueError(f"a bot has no use for {scope['type']}")  # As ASGI asks of applications without lifespan.
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status, message = await take(headers, body)
        await send({"type": "http.response.start", "status": status.value, "headers": []})
        await send({"type": "http.response.body", "body": message.encode()})

    return application


def _taker(secrets, handle, seen):
    """What both applications do. handle, seen's "in" and add() are called in the thread or loop of the request."""
    _keys_of(secrets)  # A wrong secret is to be seen at the start.
    seen = Recent() if seen is None else seen
    running, lock = set(), threading.Lock()

    async def take(headers, body):
        key = None
        try:
            event = verify(await _value(body()), headers, secrets)
            with lock:
                # An answer that came too late is no reason to do it twice at once.
                if event.key in running:
                    raise Refused(409, "it is worked on")
                running.add(event.key)
                key = event.key
            if key not in seen:
                await _value(handle(event))
                await _value(seen.add(key))
            return HTTPStatus.NO_CONTENT, ""
        except Refused as refusal:
            return refusal.status, str(refusal)
        except Exception:
            logging.getLogger("botgate").exception("the bot failed")
            return HTTPStatus.INTERNAL_SERVER_ERROR, "the bot failed"
        finally:
            with lock:
                running.discard(key)

    return take


async def _value(result):
    return await result if inspect.isawaitable(result) else result


def _keys_of(secrets):
    keys = [_key_of(secret) for secret in secrets]
    if isinstance(secrets, str) or not keys:
        raise ValueError("secrets is a list with at least one secret")
    return keys


def _key_of(secret):
    text = (secret or "").strip()
    text = text[6:] if text.startswith("whsec_") else text
    try:
        key = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except binascii.Error:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError("a secret is 24 to 64 bytes in base64, with or without whsec_ before it")
    return key
