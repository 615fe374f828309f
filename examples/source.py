#!/usr/bin/env python3
"""A working source, written from docs/contract.md alone, with Python 3.11 and paho-mqtt 1.6.

RECORDS has one change a line, as examples/office/changes.jsonl; it is read at start and on SIGHUP, and what is new in
it is published. Events go to standard output. Not here: TLS and logins, several changes a message, each kind's fields.
"""
import argparse, contextlib, hashlib, json, queue, re, signal, sqlite3, sys, time
import paho.mqtt.client as mqtt

ROOM_IN_A_MESSAGE_BYTES, RECORD_MAX_BYTES, DIGESTS_A_PAGE, BUCKETS_MAX = 128 * 1024 - 512, 16 * 1024, 1024, 256
OPTIONS = {"--host": "127.0.0.1", "--port": 1883, "--db": "source.db", "--exporter": "", "--heartbeat": 60}
META_WAIT_S, RISE_PAUSE_S, ANSWERED_PAUSE_S, EXPIRES_S = 1, 60, 1, 300
SCHEMA = """PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY, epoch, seq);
INSERT OR IGNORE INTO head VALUES (1, 0, 0); CREATE TABLE IF NOT EXISTS stream (name PRIMARY KEY, seq);
CREATE TABLE IF NOT EXISTS record (kind, key, epoch, seq, body, PRIMARY KEY (kind, key));"""
dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

def refuse(what):
    raise ValueError(f"the contract has no {what}")

def integer(digits):
    return int(digits) if digits != "-0" and abs(int(digits)) < 2**53 else refuse(digits)

def members(pairs):  # in canonical order, so that `dump` of what was loaded is canonical
    ordered = dict(sorted(pairs, key=lambda pair: pair[0].encode("utf-16-be")))
    return ordered if len(ordered) == len(pairs) and None not in ordered.values() else refuse("member twice, no null")

def load(text):
    return json.loads(text, object_pairs_hook=members, parse_int=integer, parse_float=refuse, parse_constant=refuse)

def digest(kind, key, version, record):
    hashed = dump({"key": key, "kind": kind, "record": record, "version": version})
    return int(hashlib.sha256(hashed.encode()).hexdigest()[:32], 16)

def total(digests):
    return f"{sum(digests) % 2**128:032x}"

class Source:
    subscribed_at, said_at, rose_at = None, 0, -RISE_PAUSE_S
    is_begun, is_answered, must_read, heard_epoch = False, False, True, 0

    def __init__(self, args):
        self.args, self.db, self.inbox, self.gaps = args, sqlite3.connect(args.db), queue.Queue(), set()
        self.db.executescript(SCHEMA)
        self.version = self.db.execute("SELECT epoch, seq FROM head").fetchone()
        rows = self.db.execute("SELECT kind, key, epoch, seq, body FROM record")
        self.rows = {row[:2]: dict(kind=row[0], key=row[1], version=row[2:4], record=load(row[4])) for row in rows}
        self.root = sum(digest(**row) for row in self.rows.values())
        self.client = mqtt.Client(f"source-{args.site}", clean_session=False)
        self.client.on_connect = lambda *_: self.inbox.put(None)
        self.client.on_message = lambda _client, _userdata, message: self.inbox.put(message)

    def publish(self, topic, message, retain=False):
        self.client.publish(f"doorward/v1/{self.args.site}/{topic}", dump(message).encode(), qos=1, retain=retain)

    def say(self, changes):
        head = {"epoch": self.version[0], "seq": self.version[1], "root": total([self.root])}
        self.publish("changes", head | {"changes": changes})

    def checkpoint(self):
        self.say([])
        meta = {"exporter": self.args.exporter} if self.args.exporter else {}
        self.publish("meta", meta | {"epoch": self.version[0], "head_seq": self.version[1], "minor": 0}, retain=True)
        self.said_at, self.is_answered = time.monotonic(), False

    def begin(self, above):  # a new epoch is on disk before anything is said in it
        self.version, self.is_begun = (max(self.version[0] + 1, above + 1, int(time.time())), 0), True
        with self.db:
            self.db.execute("UPDATE head SET epoch = ?, seq = ?", self.version)
        self.checkpoint()

    def commit(self, kind, key, record):  # without a record it is a delete
        self.version, change = (self.version[0], self.version[1] + 1), {"op": "delete", "kind": kind, "key": key}
        self.root -= digest(**self.rows.pop((kind, key))) if (kind, key) in self.rows else 0
        with self.db:
            self.db.execute("UPDATE head SET epoch = ?, seq = ?", self.version)
            self.db.execute("DELETE FROM record WHERE kind = ? AND key = ?", (kind, key))
            if record is not None:
                self.db.execute("INSERT INTO record VALUES (?,?,?,?,?)", (kind, key, *self.version, dump(record)))
                self.rows[kind, key] = dict(kind=kind, key=key, version=self.version, record=record)
                self.root += digest(kind, key, self.version, record)
                change |= {"op": "upsert", "record": record}
        self.say([change])

    def read(self):
        self.must_read = False
        for change in [load(line) for line in open(self.args.records, encoding="utf-8") if line.strip()]:
            kind, key, record = change["kind"], change["key"], change["record"] if change["op"] == "upsert" else None
            has_name = re.fullmatch("[a-z_]{1,32}/[A-Za-z0-9._@:+-]{1,64}", f"{kind}/{key}")
            if not has_name or len(dump(record).encode()) > RECORD_MAX_BYTES:
                refuse(f"such kind, key or size: {kind}/{key}")
            if dump(self.rows.get((kind, key), {}).get("record")) != dump(record):
                self.commit(kind, key, record)
        self.checkpoint()

    def answer(self, gateway, high, want):
        if tuple(high) > self.version:  # our file is older than what was said from it; or a panel lies, so not often
            if time.monotonic() - self.rose_at < RISE_PAUSE_S or high[0] > time.time() + 2**32:
                return
            self.rose_at = time.monotonic()
            self.begin(high[0])
        for bits in range(17):  # the fewest buckets of which each fits in a message
            buckets = [[] for _ in range(2**bits)]
            for (kind, key), row in self.rows.items():
                place = int.from_bytes(hashlib.sha256(f"{kind}/{key}".encode()).digest()[:8], "big")
                buckets[place >> (64 - bits)].append(row)
            if all(len(dump(held).encode()) <= ROOM_IN_A_MESSAGE_BYTES for held in buckets):
                break
        head, wanted = {"epoch": self.version[0], "as_of_seq": self.version[1], "bits": bits}, []
        if want["type"] == "all":
            wanted = range(want["from"], want["from"] + min(want["count"], BUCKETS_MAX))
        elif want["type"] == "buckets" and want["bits"] == bits:
            wanted = want["buckets"][:BUCKETS_MAX]
        else:
            for at in range(0, 2**bits, DIGESTS_A_PAGE):
                page = [total(digest(**row) for row in held) for held in buckets[at : at + DIGESTS_A_PAGE]]
                self.publish(f"gateway/{gateway}/digests", head | {"from": at, "digests": page})
        for at in filter(range(2**bits).__contains__, wanted):
            self.publish(f"gateway/{gateway}/bucket", head | {"bucket": at, "records": buckets[at]})
        self.is_answered = True

    def receive(self, gateway, stream, seq, message):  # behind a gap nothing is taken, unless it is repeated
        name = f"{gateway}/{stream}"
        last = (self.db.execute("SELECT seq FROM stream WHERE name = ?", (name,)).fetchone() or (seq - 1,))[0]
        if seq == last + 1 or (seq > last and (name, seq) in self.gaps):
            print(gateway, dump(message), flush=True)
            last = seq
            with self.db:
                self.db.execute("REPLACE INTO stream VALUES (?, ?)", (name, last))
        self.gaps |= {(name, seq)} if seq > last else set()
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + EXPIRES_S))
        command = {"type": "events_received", "stream": stream, "seq": last}
        self.publish(f"gateway/{gateway}/command", {"id": f"{stream}.{seq}", "expires": expires, "command": command})

    def hear(self, topic, body):
        if topic.endswith("/meta"):
            self.heard_epoch = max(self.heard_epoch, body["epoch"])
        elif topic.endswith("/events"):
            self.receive(topic.split("/")[-2], body["stream"], body["seq"], body)
        elif self.is_begun:  # until then nothing is answered: the gateway asks again
            self.answer(topic.split("/")[-2], body["high"], body["want"])

    def subscribe(self):  # again on each connection, which a checkpoint follows
        for topic in ("meta", "gateway/+/events", "gateway/+/request"):
            self.client.subscribe(f"doorward/v1/{self.args.site}/{topic}", qos=1)
        self.subscribed_at, self.is_answered = time.monotonic(), True

    def turn(self):
        with contextlib.suppress(queue.Empty):
            message = self.inbox.get(timeout=0.2)
            self.hear(message.topic, load(message.payload)) if message else self.subscribe()
        now = time.monotonic()
        if not self.is_begun and self.subscribed_at:
            if self.heard_epoch or now - self.subscribed_at > META_WAIT_S:
                self.begin(self.heard_epoch)
        elif self.is_begun and self.must_read:
            self.read()
        elif self.is_begun and now - self.said_at > (ANSWERED_PAUSE_S if self.is_answered else self.args.heartbeat):
            self.checkpoint()

parser = argparse.ArgumentParser()
for name, default in ({"site": "", "records": ""} | OPTIONS).items():
    parser.add_argument(name, default=default, type=type(default))
source = Source(parser.parse_args())
signal.signal(signal.SIGHUP, lambda *_: setattr(source, "must_read", True))
source.client.connect_async(source.args.host, source.args.port)
source.client.loop_start()
while True:
    try:
        source.turn()
    except (ValueError, KeyError, TypeError) as error:
        print(f"left out: {error!r}", file=sys.stderr)
