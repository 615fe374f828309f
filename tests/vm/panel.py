"""What has to be true of the emulated panel, and what of its door.

Not here: the machine under it (machine.py), what is on its disk (disk.py).
"""
import json, re, time

from machine import Machine, Missed, wait_for
from report import note
from site_around import ADA, GATEWAY

READY_S = 400
SYNC_S = 120
MOVE_S = 15
EVENT_S = 60
UNLOCK_S = 8


class Panel:
    """A machine that is on; whatever goes wrong its last words are shown, and it is off at the end."""

    def __init__(self, place, disk):
        self.machine = Machine(place.image, place.folder, disk, place.site.reader)

    def __enter__(self):
        return self.machine

    def __exit__(self, kind, error, trace):
        if error is not None and not isinstance(error, Expected):
            print(self.machine.last_words(), flush=True)
        self.machine.cut()


class Expected(Exception):
    """What had to go wrong did."""


def expect_rest_until_ready(machine):
    """From power-on to ready no line leaves its rest. Returns the seconds that it took."""
    took = machine.expect_ready(READY_S)
    for at, line, level in list(machine.edges):
        raise Missed(f"{line} went to {level} {at - machine.powered_at:.1f} s after power-on, before anybody had asked")
    return took


def expect_equal(site, machine, within_s=SYNC_S):
    site.source("checkpoint")
    root = wait_for("the panel's mirror equals the source", within_s, lambda: equal_inside(site, machine), 1)
    code, said = machine.run("doorward verify --json", 320, may_fail=True)
    verified = json.loads(said.splitlines()[0])
    if code or not verified["equal"] or verified["root"] != root:
        raise Missed(f"doorward verify is not content (the source's root is {root}):\n{said}")
    return verified


def equal_inside(site, machine):
    """The root, once `doorward status` inside and the source's own file have the same."""
    code, said = machine.run("doorward status --json", 120, may_fail=True)
    root = site.status()["root"]
    return root if not code and root in said else None


def expect_event(site, what, is_it):
    return wait_for(f"an event at the source: {what}", EVENT_S, lambda: next(filter(is_it, reversed(site.events())), None), 0.5)


def pass_the_door(site, machine, tries=1):
    """A card that may pass moves the strike, and the strike comes back. Returns the seconds to the first move."""
    for left in reversed(range(tries)):
        site.take_away()
        time.sleep(1)
        at = site.tap(ADA)
        try:
            moved = machine.expect_edge("strike", 1, at, MOVE_S)
            break
        except Missed:
            if not left:
                raise
    rested = machine.expect_edge("strike", 0, moved, UNLOCK_S + MOVE_S)
    site.take_away()
    if not UNLOCK_S - 0.5 < rested - moved < UNLOCK_S + 2:
        raise Missed(f"the strike was held {rested - moved:.2f} s in place of {UNLOCK_S}")
    return moved - at


def figures(machine, when):
    said = machine.run("grep -E 'RssAnon|VmRSS' /proc/$(systemctl show doorward -p MainPID --value)/status")
    anonymous = int(re.search(r"RssAnon:\s+(\d+)", said)[1])
    note(f"anonymous memory of the daemon, {when}", f"{anonymous} kB")
    times = dict(line.split("=", 1) for line in machine.run(
        "systemctl show doorward -p ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic").splitlines())
    started, ready = (int(times[f"{name}TimestampMonotonic"]) for name in ("ExecMainStart", "ActiveEnter"))
    note(f"exec -> ready, {when}", f"{(ready - started) / 1000:.0f} ms")
    return anonymous
