"""What a bot behind Botgate needs: check who sent a delivery, or ask for it, read it, act on it once.

One file without dependencies: copy it. For Python 3.9 and later.

    import botgate

    def handle(event): ...
    app = botgate.wsgi([os.environ["BOT_SECRET"]], handle)        # gunicorn, uWSGI, waitress, wsgiref

    async def handle(event): ...
    app = botgate.asgi([os.environ["BOT_SECRET"]], handle)        # uvicorn, hypercorn; Starlette: Mount

Within a framework, call verify() with the raw body: request.get_data() in Flask, await request.body() in FastAPI.

handle gets an Event. What it returns is the bot's answer: str, bytes or a value of JSON, with 200; None is 204. When it
raises, the delivery is answered with 500, and Botgate tries again; a Refused is answered with its status, of which 410
and 422 make the event a dead letter.

A bot without a public address asks for its events, and all else is the same:

    botgate.receive("https://gate.example", "demo", os.environ["BOT_TOKEN"], handle)
"""
import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import inspect
import json
import logging
import random
import re
import socket
import threading
import time
from collections import OrderedDict
from http import HTTPStatus
from urllib.parse import parse_qs, quote, unquote, urlsplit

TOLERANCE = 300  # Seconds that a timestamp may be off.
MAX_BODY = 32 << 20  # Bytes.
MAX_SIGNATURES = 16
# Statuses of 4xx that may be others later. All others of them make an event a dead letter.
TEMPORARY = {401, 403, 404, 405, 407, 408, 409, 421, 423, 425, 426, 429, 431, 451}

log = logging.getLogger("botgate")


class Refused(Exception):
    """A delivery that is not taken. The status is what Botgate gets."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = HTTPStatus(status)


class Event:
    """An event of the bot."""

    def __init__(self, body, content_type, key, id, type, source, subject, time, replay, reply_by=None):
        self.body = body  # The sender's bytes; of JSON that receive() got, the same value written anew.
        self.content_type = content_type
        self.key = key  # One for an event and each replay of it: what was handled is known by it.
        self.id = id
        self.type = type
        self.source = source
        self.subject = subject  # The user, or "".
        self.time = time  # When it was accepted, in the form of RFC 3339.
        self.replay = replay  # Above 0: somebody wants it to be handled again.
        self.reply_by = reply_by  # Until when a platform's request waits for the answer, as time; None where none does.

    def progress(self, percent):
        """Says how many percent of the work are done, of an event that receive() got. Botgate shows that."""

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
            about = {name: unquote(headers.get("ce-" + name, "")) for name in ("type", "source", "subject", "time")}
            about.update(replay=int(parts[2] or 0), reply_by=headers.get("botgate-reply-by"))
            return Event(body, headers.get("content-type", ""), key, parts[1], **about)
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
            status, kind, said = end.value
        else:
            work.close()
            raise TypeError("an async handle needs botgate.asgi")
        start_response(f"{status.value} {status.phrase}", [("Content-Type", kind)] if kind else [])
        return [said]

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
        status, kind, said = await take(headers, body)
        about = [(b"content-type", kind.encode())] if kind else []
        await send({"type": "http.response.start", "status": status.value, "headers": about})
        await send({"type": "http.response.body", "body": said})

    return application


def receive(url, bot, token, handle, *, concurrency=8, lease=60, wait=20, grace=10, types=(), seen=None, stop=None):
    """Asks for the events of a bot, has handle work on each in a thread, and settles it by what came of that.

    It goes on until stop, a threading.Event, is set, or this thread gets a KeyboardInterrupt or SystemExit, as a handler
    of signals may raise it. Then handlers get grace seconds to end, and what they don't end goes back. It raises what
    does not get better by itself, such as a token that is none.

    token is a text, or returns one for each request. concurrency is how many handlers run at once; an event is theirs
    for lease seconds, again and again while its handler runs. types are patterns like "telegram.*". event.attempt counts
    from 1; event.vain, a threading.Event, says that the work is in vain, since somebody else gets the event. An async
    handle has a loop of its own for each event.
    """
    if not 1 <= concurrency <= 100:
        raise ValueError("concurrency is from 1 to 100")
    ask = {"wait": f"{wait}s", "lease": f"{lease}s", "types": list(types)}
    seen = Recent() if seen is None else seen
    _Receiver(_Gateway(url, bot, token), handle, seen, concurrency, ask, wait + 30, lease).run(stop or threading.Event(), grace)


class _Receiver:
    def __init__(self, gateway, handle, seen, concurrency, ask, patience, lease):
        self._gateway, self._handle, self._seen, self._concurrency = gateway, handle, seen, concurrency
        self._ask, self._patience, self._lease = ask, patience, lease
        self._changed = threading.Condition()  # What follows belongs to its lock.
        self._running = {}  # By receipt: the event, and until when its handler has it.
        self._said = {}  # By receipt: the settlement that is to be sent.
        self._asking = self._urgent = self._stopping = False
        self._failure = None
        self._renewal = time.monotonic() + lease / 3

    def run(self, stop, grace):
        asker = threading.Thread(target=self._receive, daemon=True)
        try:
            asker.start()
            while not self._failure and not stop.is_set():
                self._tend()
        finally:
            self._stopping = True
            over = time.monotonic() + grace
            while (self._running or asker.is_alive()) and time.monotonic() < over:
                self._gateway.interrupt()
                self._tend()
            with self._changed:
                for receipt in list(self._running):
                    self._give_back(receipt)
            for _ in range(3):
                if self._said and not self._settle():
                    time.sleep(1)
            self._gateway.close()
        if self._failure:
            raise self._failure

    def _tend(self):
        """Sends what can't wait for the next receive, and keeps leases."""
        with self._changed:
            self._changed.wait_for(lambda: self._urgent, 0.1)
            if time.monotonic() >= self._renewal:
                self._renewal = time.monotonic() + self._lease / 3
                self._renew()
            urgent, self._urgent = self._urgent, False
        if urgent and not self._settle():
            time.sleep(0.5)
            self._urgent = True

    def _settle(self):
        """Returns whether the gateway knows what became of all events."""
        try:
            self._post("settle", {}, 10)
        except _Failed as error:
            log.warning("trying again: %s", error)
        return not self._said

    def _receive(self):
        """Takes events until the end."""
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or len(self._running) < self._concurrency, 1)
                free = self._concurrency - len(self._running)
                self._asking = free > 0 and not self._stopping
            if self._stopping:
                return
            try:
                if free > 0:
                    self._post("receive", {"max": free, **self._ask}, self._patience)
                failures = 0
            except Exception as error:
                if self._stopping:
                    return
                if getattr(error, "is_final", True):
                    self._failure = error
                    return
                log.warning("trying again: %s", error)
                failures += 1
                time.sleep(min(15, 0.5 * 2 ** min(failures, 9)) * random.uniform(0.5, 1))
            self._asking = False

    def _post(self, path, ask, seconds):
        """Makes a request that settles what there is to settle, and has the events handled that it gets."""
        with self._changed:
            settle, self._said = self._said, {}
        if path == "settle" and not settle:
            return  # The other thread was quicker.
        try:
            answer = self._gateway.post(path, {**ask, "settle": list(settle.values())}, seconds)
        except BaseException:
            with self._changed:
                self._said = {**settle, **self._said}  # One that was taken already does no harm.
            raise
        with self._changed:
            for receipt, status in ((one["receipt"], one["status"]) for one in answer["settled"]):
                if status == "unavailable":
                    self._said.setdefault(receipt, settle[receipt])
                    self._urgent = True
                elif receipt in self._running and status == "lost":
                    self._running[receipt][0].vain.set()
                elif receipt in self._running:
                    self._running[receipt][1] = time.monotonic() + self._lease
            for one in answer.get("events", ()):
                self._begin(**one)

    def _begin(self, receipt, event, attempt, replay=0, reply_by=None, **_):
        """Has an event handled. The lock is held."""
        if self._stopping:
            return self._give_back(receipt)
        event = _pulled(replay, **event)
        event.attempt, event.reply_by, event.vain = attempt, reply_by, threading.Event()
        event.progress = lambda percent: self._progress(receipt, percent)
        self._running[receipt] = [event, time.monotonic() + self._lease]
        threading.Thread(target=self._work, args=(receipt, event), daemon=True).start()

    def _work(self, receipt, event):
        said = {"receipt": receipt, "outcome": "retry"}
        try:
            said.update(asyncio.run(self._answer(event)), outcome="ack")
        except Refused as refusal:
            if 400 <= refusal.status < 500 and refusal.status not in TEMPORARY:
                said["outcome"] = "dead"
        except BaseException:
            log.exception("the bot failed")
        with self._changed:
            if self._running.pop(receipt, None):  # Else it was given back.
                self._say(said, self._asking)

    async def _answer(self, event):
        if event.key in self._seen:
            return {}
        answer = await _value(self._handle(event))
        await _value(self._seen.add(event.key))
        kind, said = _answer_of(answer)
        return {"answer": {"content_type": kind, "body_base64": base64.b64encode(said).decode()}} if kind else {}

    def _progress(self, receipt, percent):
        with self._changed:
            if receipt in self._running:
                self._say({"receipt": receipt, "outcome": "extend", "progress": min(100, max(1, round(percent)))}, True)

    def _give_back(self, receipt):
        """Lets somebody else have an event. The lock is held."""
        if receipt in self._running:
            self._running.pop(receipt)[0].vain.set()
        self._say({"receipt": receipt, "outcome": "retry", "after": "0s"}, False)

    def _renew(self):
        """Has all leases begin anew. The lock is held."""
        for receipt, (event, until) in self._running.items():
            if time.monotonic() > until:
                event.vain.set()  # The gateway was out of reach for so long.
            if receipt not in self._said:
                self._say({"receipt": receipt, "outcome": "extend"}, True)

    def _say(self, settlement, at_once):
        """Has a settlement sent: at once, or with the next receive, where that does not wait for events already."""
        self._said[settlement["receipt"]] = settlement
        self._urgent = self._urgent or at_once
        self._changed.notify_all()


class _Failed(Exception):
    """The gateway did not do what it was asked for, and is_final where it never will."""

    def __init__(self, message, is_final=False):
        super().__init__(message)
        self.is_final = is_final


class _Gateway:
    """The gateway, with a connection for each kind of request."""

    def __init__(self, url, bot, token):
        self._url, self._path, self._token = urlsplit(url), f"/v1/bots/{quote(bot, safe='')}/", token
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise ValueError("url is like https://gate.example")
        self._lines, self._interrupted = {}, False

    def post(self, path, body, seconds):
        token = self._token() if callable(self._token) else self._token
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        known = path in self._lines
        line = self._lines.setdefault(path, kind(self._url.hostname, self._url.port, timeout=seconds))
        try:
            line.request("POST", self._path + path, json.dumps(body), headers)
            response = line.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            line.close()
            del self._lines[path]
            if known and not self._interrupted and isinstance(error, ConnectionError):
                return self.post(path, body, seconds)  # It was not used for a while.
            raise _Failed(f"asking the gateway: {error!r}") from error
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {}
        if response.status == 200:
            return answer
        told = ": ".join(str(answer[name]) for name in ("title", "detail") if name in answer)
        raise _Failed(f"the gateway answers {response.status}: {told}", response.status < 500 and response.status not in (408, 429))

    def close(self):
        for line in self._lines.values():
            line.close()

    def interrupt(self):
        """Ends a receive that waits."""
        self._interrupted = True
        with contextlib.suppress(KeyError, AttributeError, OSError):  # It does not wait.
            self._lines["receive"].sock.shutdown(socket.SHUT_RDWR)


def _pulled(replay, id, type, source, time, subject="", datacontenttype="", data_base64="", **more):
    """An event in the structured mode of CloudEvents."""
    body = json.dumps(more["data"], ensure_ascii=False).encode() if "data" in more else base64.b64decode(data_base64)
    return Event(body, datacontenttype, f"{id}.r{replay}" if replay else id, id, type, source, subject, time, replay)


def _answer_of(value):
    """The type of what handle returned, and its bytes; no type for nothing."""
    if value is None:
        return "", b""
    if isinstance(value, bytes):
        return "application/octet-stream", value
    if isinstance(value, str):
        return "text/plain; charset=utf-8", value.encode()
    return "application/json", json.dumps(value).encode()


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
            if key in seen:
                return HTTPStatus.NO_CONTENT, "", b""
            kind, said = _answer_of(await _value(handle(event)))
            await _value(seen.add(key))
            return HTTPStatus.OK if kind else HTTPStatus.NO_CONTENT, kind, said
        except Refused as refusal:
            return refusal.status, "text/plain", str(refusal).encode()
        except Exception:
            log.exception("the bot failed")
            return HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"the bot failed"
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
