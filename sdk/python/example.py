"""A bot that prints what it gets: BOT_SECRET=whsec_… python3 example.py"""
import os
from wsgiref.simple_server import make_server

import botgate


def handle(event):
    print(f"bot: {event.type} from {event.subject} ({len(event.body)} bytes), event {event.id}", flush=True)


with make_server("127.0.0.1", int(os.environ.get("PORT", 9090)), botgate.wsgi([os.environ["BOT_SECRET"]], handle)) as server:
    print(f"The bot listens on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
