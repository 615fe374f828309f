"""Power cuts: the emulator is killed at random moments while records and cards flow; the disk is kept.

Not here: what a disk loses whose own cache is lost (tests/it/crashes.rs has SQLite's side of that).
"""
import calendar, random, subprocess, time

from machine import Missed, wait_for
from disk import OFF_S
from panel import Panel, expect_equal, expect_rest_until_ready, pass_the_door
from report import heading, note, ok
from site_around import GATEWAY, Flow

# A third of the cuts hits while the machine starts, the others within so many seconds of work.
BOOT_SHARE, WORK_S = 1 / 3, 12
# Between the clocks of the two machines, whose seconds are not the same.
CLOCKS_APART_S = 3
SETTLE_S = 180


def act(place, seed, count):
    heading(f"{count} power cuts while records and cards flow (seed {seed})")
    chance = random.Random(seed)
    flow, hits, moved, usual_s = Flow(place.site, seed), [], [], 45
    try:
        for number in range(1, count + 1):
            hit, usual_s = cut(place, flow, chance, moved, usual_s)
            hits.append(hit)
            print(f"cut {number:2}  {hit}", flush=True)
            if flow.error:
                raise flow.error
    finally:
        flow.end()
    note("power cuts", f"{count}: {summary(hits)}")
    note("meanwhile", f"{flow.changes} changes of records, {flow.taps} cards, {len(moved)} moves of the strike")
    aftermath(place, moved)


def summary(hits):
    kinds = [hit.split(":")[0] for hit in hits]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def cut(place, flow, chance, moved, usual_s):
    """One life of the machine. Says what the cut hit, and how long a start takes."""
    early = chance.random() < BOOT_SHARE
    after_s = chance.uniform(1, usual_s) if early else chance.uniform(0, WORK_S)
    before = flow.changes, flow.taps
    with Panel(place, place.disk) as machine:
        if early:
            end = machine.powered_at + after_s
            while time.monotonic() < end and machine.ready_at is None:
                time.sleep(0.05)
        else:
            usual_s = expect_rest_until_ready(machine)
            flow.may_tap.set()
            time.sleep(after_s)
        machine.cut()
        flow.may_tap.clear()
        is_ready, held = machine.ready_at is not None, machine.levels["strike"]
        # Of an early cut nobody has tapped in that life, though it may have come just after ready.
        if (early or not is_ready) and machine.edges:
            raise Missed(f"a line moved before the gateway was ready: {machine.edges}")
        moved += [time.time() - (time.monotonic() - at) for at, level in machine.edges_since("strike", 0) if level]
    changes, taps = flow.changes - before[0], flow.taps - before[1]
    lived = time.monotonic() - machine.powered_at
    state = "strike held" if held else "at work" if is_ready else "starting"
    return f"{state}: {lived:.1f} s after power-on; {changes} changes, {taps} cards in that life", usual_s


def aftermath(place, moved):
    heading("after the cuts")
    site = place.site
    with Panel(place, place.disk) as machine:
        expect_rest_until_ready(machine)
        verified = expect_equal(site, machine, SETTLE_S)
        note("after the cuts", f"{verified['records']} records, root {verified['root']} here and there, verify content")
        pass_the_door(site, machine, tries=6)
        wait_for("all events are told", SETTLE_S, lambda: "0 waiting, 0 lost" in machine.run("doorward status", 60), 1)
        machine.shut_down(OFF_S)
    events = expect_no_gap(site)
    expect_an_event_for_each_move(events, moved)
    said = subprocess.run(["e2fsck", "-fn", place.disk], capture_output=True, text=True, timeout=300)
    if said.returncode:
        raise Missed(f"the file system is damaged:\n{said.stdout}")
    ok("the file system is sound")


def expect_no_gap(site):
    streams = {}
    events = [event for event in site.events() if event["gateway"] == GATEWAY]
    for event in events:
        streams.setdefault(event["stream"], []).append(event["seq"])
    for stream, numbers in streams.items():
        if numbers != list(range(1, len(numbers) + 1)):
            raise Missed(f"events of stream {stream} have a gap or stand twice: {numbers}")
    lost = [event for event in events if event["event"]["type"] in ("events_dropped", "mirror_damaged")]
    if lost:
        raise Missed(f"the panel has lost something: {lost}")
    note("events", f"{len(events)} at the source, in {len(streams)} stream, without a gap")
    return events


def expect_an_event_for_each_move(events, moved):
    """Nothing is granted that is not on disk: whatever was cut off after the strike had moved is told all the same."""
    granted = [calendar.timegm(time.strptime(event["at"], "%Y-%m-%dT%H:%M:%SZ")) for event in events
               if event["event"]["type"] == "access" and event["event"]["opens"]]
    for at in moved:
        if not any(abs(at - told) <= CLOCKS_APART_S for told in granted):
            raise Missed(f"the strike moved at {time.strftime('%H:%M:%S', time.gmtime(at))}, and no event tells why")
    ok(f"each of the {len(moved)} moves of the strike has its event")
