"""A worker that asks for its jobs: BOT_TOKEN=… python3 worker.py [gateway [bot]]

A job is a command like {"command":"/report","args":{"pages":3}}.
"""
import os
import signal
import sys
import threading

import botgate

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
bot = sys.argv[2] if len(sys.argv) > 2 else "demo"
stop = threading.Event()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: stop.set())


def handle(event):
    pages = (event.data().get("args") or {}).get("pages")
    if not isinstance(pages, int) or pages < 1:
        raise botgate.Refused(422, "a report has pages")
    for page in range(1, pages + 1):
        if event.vain.wait(0.2):  # The work.
            raise RuntimeError("somebody else has the job")
        event.progress(100 * page / pages)
    print(f"worker: {pages} pages for {event.subject}, attempt {event.attempt} of event {event.id}", flush=True)
    return {"pages": pages}


print(f"The worker asks {url} for the events of {bot}", flush=True)
botgate.receive(url, bot, os.environ["BOT_TOKEN"], handle, stop=stop)
print("The worker has given back what it had", flush=True)
