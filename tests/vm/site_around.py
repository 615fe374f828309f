"""What is around the emulated panel, on this machine: a mosquitto with TLS, logins and rules, the real doorward-source, a card at
the reader, and changes that flow.

Not here: the panel (machine.py).
"""
import json, os, random, socket, subprocess, threading, time

from machine import Missed, wait_for

SITE, GATEWAY, DOOR = "vm", "panel-1", "front"
PASSWORDS = {"source": "a-source-of-this-run", GATEWAY: "a-panel-of-this-run"}
# Cards by whoever holds them: one who may pass, one who may not, one whom nobody knows.
ADA, BO, NOBODY = "04A1B2C3", "0014F7E2", "04FFFFFF"
USERS = 300
START_S = 30
PROGRAM_S = 600


def run(*words, **more):
    """What a program says; it has to succeed."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=PROGRAM_S, **more)
    if done.returncode:
        raise Missed(f"{' '.join(map(str, words))} ends with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Site:
    """Broker, source and reader; `close` ends all that was started."""

    def __init__(self, folder, programs, acl):
        self.folder, self.programs, self.started = folder, programs, []
        try:
            self.make_certificates()
            self.start_broker(acl)
            self.start_source()
            self.start_reader()
        except BaseException:
            self.close()
            raise

    def start(self, name, *words, **more):
        log = open(f"{self.folder}/{name}.log", "ab")
        process = subprocess.Popen(words, stdout=more.pop("stdout", log), stderr=log, **more)
        self.started.append(process)
        return process

    def close(self):
        for process in reversed(self.started):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def make_certificates(self):
        at = lambda name: f"{self.folder}/{name}"
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        run("openssl", "req", "-x509", *key, "-days", "7", "-subj", "/CN=vm-test", "-keyout", at("ca.key"), "-out", at("ca.pem"))
        run("openssl", "req", *key, "-subj", "/CN=broker", "-keyout", at("server.key"), "-out", at("server.csr"))
        with open(at("names"), "w") as names:
            names.write("subjectAltName=DNS:broker,DNS:localhost\nbasicConstraints=CA:FALSE\n")
        run("openssl", "x509", "-req", "-in", at("server.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial",
            "-days", "7", "-extfile", at("names"), "-out", at("server.pem"))

    def start_broker(self, acl):
        at = lambda name: f"{self.folder}/{name}"
        self.port = free_port()
        with open(acl) as rules, open(at("acl"), "w") as ours:
            ours.write(rules.read().replace("/office/", f"/{SITE}/"))
        for login, password in PASSWORDS.items():
            new = () if os.path.exists(at("passwords")) else ("-c",)
            run("mosquitto_passwd", "-b", *new, at("passwords"), login, password)
            with open(at(f"password-{login}"), "w") as file:
                file.write(password + "\n")
        settings = {
            "per_listener_settings": "false", "allow_anonymous": "false", "password_file": at("passwords"),
            "acl_file": at("acl"), "listener": f"{self.port} 127.0.0.1", "cafile": at("ca.pem"), "certfile": at("server.pem"),
            "keyfile": at("server.key"), "max_inflight_messages": "1000", "set_tcp_nodelay": "true",
            "max_queued_messages": "100000", "max_queued_bytes": "67108864", "message_size_limit": "135168",
        }
        if os.getuid() == 0:
            settings["user"] = "root"
        with open(at("mosquitto.conf"), "w") as file:
            file.writelines(f"{key} {value}\n" for key, value in settings.items())
        self.start("mosquitto", "mosquitto", "-c", at("mosquitto.conf"))
        wait_for("mosquitto listens", START_S, lambda: not socket.socket().connect_ex(("127.0.0.1", self.port)))

    def start_source(self):
        at = lambda name: f"{self.folder}/{name}"
        with open(at("source.toml"), "w") as file:
            file.write(f'site = "{SITE}"\n[broker]\nhost = "localhost"\nport = {self.port}\nca_file = "ca.pem"\n'
                       'username = "source"\npassword_file = "password-source"\n')
        with open(at("first.jsonl"), "w") as file:
            door = {"name": "Front", "gateway": GATEWAY, "controlled_by": "doorward", "grants": [{"entitlement": "main"}]}
            for kind, key, record in [
                ("entitlement", "main", {"type": "AccessProfile", "display_name": "Main entrance", "pacs_ref": "ap-main"}),
                ("door", DOOR, door),
            ]:
                file.write(json.dumps({"op": "upsert", "kind": kind, "key": key, "record": record}) + "\n")
        with open(at("users.csv"), "w") as file:
            write_users(file, range(USERS))
            file.write(f"ada,Ada,Ekström,active,{ADA},card-ada,main\nbo,Bo,Lindqvist,active,{BO},card-bo,\n")
        self.source("import", at("first.jsonl"), at("users.csv"))
        self.start("source", f"{self.programs}/doorward-source", "--config", at("source.toml"), "serve", "--ready-file", at("up"))
        wait_for("doorward-source serves", START_S, lambda: os.path.exists(at("up")))

    def start_reader(self):
        self.reader = f"{self.folder}/reader"
        self.cards = self.start("reader", f"{self.programs}/examples/pn532", self.reader,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.cards.stdout.readline()

    def tap(self, hexadecimal):
        """Lays a card on the reader, and says when."""
        at = time.monotonic()
        self.say_to_reader(f"tap {hexadecimal}")
        return at

    def take_away(self):
        self.say_to_reader("remove")

    def say_to_reader(self, words):
        self.cards.stdin.write(words + "\n")
        self.cards.stdin.flush()

    def source(self, *words):
        return run(f"{self.programs}/doorward-source", "--config", f"{self.folder}/source.toml", *words)

    def set(self, kind, key, record):
        self.source("set", kind, key, json.dumps(record))

    def status(self):
        return json.loads(self.source("status", "--json"))

    def events(self):
        """All events of the panel, oldest first."""
        return [json.loads(line) for line in self.source("events", "--json", "--limit", "1000000").splitlines()]


def write_users(file, numbers):
    """Users with a card and a right each, as CSV."""
    if file.tell() == 0:
        file.write("id,given_name,family_name,status,card_uid,card_id,entitlements\n")
    for number in numbers:
        file.write(f"u-{number:06},User,Number {number},active,{0x10000000 + number:08X},card-{number:06},main\n")


class Flow:
    """Records that change and cards that are tapped, until it is ended. Everything follows from the seed, but the moments."""

    def __init__(self, site, seed):
        self.site, self.random = site, random.Random(seed)
        self.changes, self.taps, self.error, self.is_over = 0, 0, None, threading.Event()
        self.may_tap = threading.Event()
        self.threads = [threading.Thread(target=self.guard, args=(work,)) for work in (self.change, self.tap)]
        for thread in self.threads:
            thread.start()

    def guard(self, work):
        try:
            work()
        except Exception as error:
            self.error = error

    def change(self):
        while not self.is_over.wait(self.random.uniform(0.1, 0.8)):
            number = self.random.randrange(USERS)
            user, token = f"u-{number:06}", f"card-{number:06}"
            kind = self.random.choice(["user", "token", "right", "gone"])
            if kind == "user":
                self.site.set("user", user, {"given_name": "User", "family_name": f"Change {self.changes}", "status": "active"})
            elif kind == "token":
                status = self.random.choice(["ACTIVE", "INACTIVE", "REVOKED"])
                uid = {"type": "mifare", "hex": f"{0x10000000 + number:08X}"}
                self.site.set("token", token, {"user": user, "kind": "card", "status": status, "identifiers": [uid]})
            elif kind == "right":
                self.site.set("assignment", f"{user}.main", {"user": user, "entitlement": "main"})
            else:
                self.site.source("delete", "assignment", f"{user}.main")
            self.changes += 1

    def tap(self):
        while not self.is_over.wait(self.random.uniform(0.2, 2)):
            if self.may_tap.is_set():
                self.site.tap(self.random.choice([ADA, ADA, ADA, BO, NOBODY]))
                self.taps += 1
                self.is_over.wait(0.6)
                self.site.take_away()

    def end(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        self.site.take_away()
        if self.error:
            raise self.error
