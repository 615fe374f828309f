"""Contender (c): MQTT into SQLite as people write it today, with paho-mqtt and sqlite3.

    paho_sqlite.py PORT CLIENT_ID TOPIC FILE MESSAGES COMMIT_MESSAGES

Commits once per COMMIT_MESSAGES, and whenever the broker has nothing more to send: with an in-flight window
smaller than that, waiting for more would wait for ever. Where paho can (2.0), it acknowledges after the
commit; an older one acknowledges each message as it is read, which is faster and may lose what it read.
"""

import json
import sqlite3
import sys
import time

import paho.mqtt.client as mqtt

UPSERT = """INSERT INTO users (key, record, version) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET record = excluded.record, version = excluded.version
    WHERE excluded.version > users.version"""
DELETE = "DELETE FROM users WHERE key = ?"
# How long a read may wait before the broker counts as idle, in seconds.
IDLE_S = 0.02


class Ingest:
    def __init__(self, client, file, manual):
        self.client = client
        self.db = sqlite3.connect(file)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.manual = manual
        self.pending = []
        self.messages = 0
        self.commits = 0

    def on_message(self, _client, _userdata, message):
        body = json.loads(message.payload)
        for change in body["changes"]:
            if change["op"] == "upsert":
                record = json.dumps(change["record"], separators=(",", ":"))
                self.db.execute(UPSERT, (change["key"], record, body["seq"]))
            else:
                self.db.execute(DELETE, (change["key"],))
        self.pending.append(message.mid)
        self.messages += 1
        if len(self.pending) >= commit_messages:
            self.commit()

    def commit(self):
        self.db.commit()
        self.commits += 1
        if self.manual:
            for mid in self.pending:
                self.client.ack(mid, 1)
        self.pending.clear()


def make_client(client_id):
    """A client with a persistent session, and whether it acknowledges by hand."""
    if hasattr(mqtt, "CallbackAPIVersion"):
        version = mqtt.CallbackAPIVersion.VERSION2
        return mqtt.Client(version, client_id, clean_session=False, manual_ack=True), True
    return mqtt.Client(client_id, clean_session=False), False


def say(word):
    """The time of day and this process's CPU time (both in ns), and its transactions so far."""
    print(word, time.time_ns(), time.process_time_ns(), ingest.commits, flush=True)


port, client_id, topic, file, messages, commit_messages = sys.argv[1:]
messages, commit_messages = int(messages), int(commit_messages)
client, manual = make_client(client_id)
ingest = Ingest(client, file, manual)
client.on_message = ingest.on_message
client.on_connect = lambda *_: say("connected")
client.connect("127.0.0.1", int(port), keepalive=60)
while ingest.messages < messages or ingest.pending:
    before = ingest.messages
    client.loop(timeout=IDLE_S)
    if ingest.pending and ingest.messages == before:
        ingest.commit()
say("done")
# The parent reads what this process has used, then closes our input.
sys.stdin.read()
