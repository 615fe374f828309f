"""An emulated panel: power on, power cut, its lines as seen from outside, a shell inside.

The board is qemu's `virt`: its PL061 is a GPIO chip of eight lines, of which line 3 is the power button's. What drives a line
is told by qemu's test protocol (qtest), which also sets inputs. The shell is the guest's agent behind a virtio port.

Not here: what is true of a door (panel.py), what is on the disk (scripts/vm-image).
"""
import base64, json, os, socket, subprocess, threading, time

# Outputs and inputs by the number of the line; each rests low, as the chip has it at power-on.
OUTPUTS = {"strike": 0, "green_led": 1, "red_led": 2, "buzzer": 4}
INPUTS = {"rex": 5, "door_contact": 6}
CONSOLE_LINES_SHOWN = 40
CONNECT_S = 20
MEMORY_MB = 512


class Missed(Exception):
    """Something did not come in time, or came otherwise."""


def wait_for(what, within_s, ask, pause_s=0.05):
    """What `ask` returns once it is true."""
    end = time.monotonic() + within_s
    while True:
        found = ask()
        if found:
            return found
        if time.monotonic() > end:
            raise Missed(f"{what}: not within {within_s} s")
        time.sleep(pause_s)


class Port:
    """A line-wise talk over a socket of the emulator's."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        wait_for(f"the emulator's socket {path}", CONNECT_S, lambda: os.path.exists(path))
        self.socket.connect(path)
        self.file = self.socket.makefile("r", encoding="utf-8", errors="replace")

    def send(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def receive(self, within_s):
        self.socket.settimeout(within_s)
        try:
            return self.file.readline()
        except OSError as error:
            raise Missed(f"no answer of the emulator within {within_s} s: {error}") from error


class Machine:
    """One panel from power-on to power-off; the disk outlives it."""

    def __init__(self, image, folder, disk, reader):
        self.folder, self.lines, self.edges, self.ready_at = folder, [], [], None
        self.levels = {name: 0 for name in OUTPUTS}
        self.news, self.lock = threading.Condition(), threading.Lock()
        for name in ("qmp", "qtest", "agent"):
            if os.path.exists(f"{folder}/{name}"):
                os.remove(f"{folder}/{name}")
        sockets = lambda name: f"unix:{folder}/{name},server=on,wait=off"
        # What the emulator's disk cache was given stays when it is killed: what the guest's kernel still holds is lost.
        self.process = subprocess.Popen(
            ["sh", f"{image}/emulator.sh", "-M", "virt,highmem=off", "-cpu", "cortex-a15", "-m", str(MEMORY_MB)]
            + ["-display", "none", "-nodefaults", "-no-reboot", "-S"]
            + ["-kernel", f"{image}/vmlinuz", "-initrd", f"{image}/initrd"]
            + ["-append", "console=hvc0 quiet panic=-1 systemd.show_status=false"]
            + ["-drive", f"if=none,id=disk,file={disk},format=raw", "-device", "virtio-blk-device,drive=disk"]
            # 10.0.2.2 is this machine's loopback there.
            + ["-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net", "-device", "virtio-serial-device"]
            + ["-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off"]
            + ["-device", "virtserialport,chardev=agent,name=agent"]
            + ["-chardev", "file,id=console,path=/dev/stdout", "-device", "virtconsole,chardev=console"]
            # The machine's one UART; the console is virtual.
            + ["-chardev", f"serial,id=reader,path={reader}", "-serial", "chardev:reader"]
            + ["-qmp", sockets("qmp"), "-qtest", sockets("qtest"), "-qtest-log", "/dev/null"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.connect()
        except BaseException:
            self.cut()
            raise

    def connect(self):
        threading.Thread(target=self.listen_to_console, daemon=True).start()
        self.qmp = Port(f"{self.folder}/qmp")
        self.qmp.receive(CONNECT_S)
        self.order("qmp_capabilities")
        children = self.order("qom-list", path="/machine/unattached")
        chip, = [child["name"] for child in children if child["type"] == "child<pl061>"]
        self.chip = f"/machine/unattached/{chip}"
        self.qtest = Port(f"{self.folder}/qtest")
        self.answers = []
        threading.Thread(target=self.listen_to_lines, daemon=True).start()
        self.ask_chip(f"irq_intercept_out {self.chip}")
        self.agent = Port(f"{self.folder}/agent")
        # Nothing has run yet: from here on each edge is seen.
        self.powered_at = time.monotonic()
        self.order("cont")

    def order(self, verb, **arguments):
        self.qmp.send(json.dumps({"execute": verb, "arguments": arguments}))
        while True:
            said = json.loads(self.qmp.receive(CONNECT_S) or "{}")
            if "return" in said:
                return said["return"]
            if "event" not in said:
                raise Missed(f"the emulator refuses {verb}: {said}")

    def ask_chip(self, words):
        """One order by qtest."""
        with self.lock:
            self.qtest.send(words)
            wait_for(f"qtest's answer to {words}", CONNECT_S, lambda: self.answers, 0.001)
            said = self.answers.pop()
        if not said.startswith("OK"):
            raise Missed(f"qtest says to {words}: {said}")

    def listen_to_lines(self):
        names = {number: name for name, number in OUTPUTS.items()}
        while said := self.qtest.file.readline():
            word, *rest = said.split()
            if word != "IRQ":
                self.answers.append(said)
                continue
            name = names.get(int(rest[1]))
            if name is None:
                name = f"line {rest[1]}"
            level = int(rest[0] == "raise")
            with self.news:
                self.levels[name] = level
                self.edges.append((time.monotonic(), name, level))
                self.news.notify_all()

    def listen_to_console(self):
        for said in self.process.stdout:
            line = said.decode(errors="replace").rstrip()
            self.lines.append(line)
            if "VM-READY" in line and self.ready_at is None:
                self.ready_at = time.monotonic()

    def set_input(self, name, level):
        self.ask_chip(f"set_irq_in {self.chip} unnamed-gpio-in {INPUTS[name]} {level}")

    def expect_ready(self, within_s):
        """Seconds from power-on until the gateway is ready."""
        wait_for("READY=1 of the gateway", within_s, lambda: self.ready_at or not self.is_on())
        if self.ready_at is None:
            raise Missed("the machine went off before the gateway was ready")
        return self.ready_at - self.powered_at

    def expect_edge(self, name, level, after, within_s):
        """The moment of the first edge of a line to `level` since `after`."""
        found = lambda: next((at for at, line, to in list(self.edges) if line == name and to == level and at >= after), None)
        return wait_for(f"{name} goes to {level}", within_s, found, 0.005)

    def edges_since(self, name, after):
        return [(at, level) for at, line, level in list(self.edges) if line == name and at >= after]

    def run(self, command, within_s=60, may_fail=False):
        """What a command says inside, by root."""
        self.agent.send(base64.b64encode(command.encode()).decode())
        said = self.agent.receive(within_s).split()
        if not said:
            raise Missed(f"the machine went off during: {command}")
        code, text = int(said[0]), base64.b64decode(said[1] if said[1:] else "").decode(errors="replace").strip()
        if code and not may_fail:
            raise Missed(f"inside the machine `{command}` ends with {code}:\n{text}")
        return (code, text) if may_fail else text

    def is_on(self):
        return self.process.poll() is None

    def cut(self):
        """The plug is pulled."""
        self.process.kill()
        self.process.wait()

    def shut_down(self, within_s):
        self.agent.send(base64.b64encode(b"systemctl poweroff").decode())
        wait_for("an ordered power-off", within_s, lambda: not self.is_on())

    def last_words(self):
        shown = "\n".join(self.lines[-CONSOLE_LINES_SHOWN:])
        journal = ""
        if self.is_on():
            try:
                journal = self.run("journalctl -b -u doorward --no-pager -n 40; echo; journalctl -b --no-pager -n 30", 90)
            except (Missed, OSError, ValueError) as error:
                journal = f"(no journal: {error})"
        return f"-- console\n{shown}\n-- journal\n{journal}"
