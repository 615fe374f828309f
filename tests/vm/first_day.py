"""The first day of a panel that was just installed: a door, what the system says, a sudden death, an ordered end.

Not here: power cuts (cuts.py).
"""
import re, time

from disk import OFF_S
from machine import Missed, wait_for
from panel import (MOVE_S, READY_S, UNLOCK_S, Panel, expect_equal, expect_event, expect_rest_until_ready, figures, pass_the_door)
from report import heading, note, ok
from site_around import ADA, BO, NOBODY

STOP_S = 5
# What is opened from inside is not forced for so long; docs/doors.md.
SHUNT_S = 12
# By then the reader has noticed that the card before is gone.
REMOVED_S = 1


def doors(site, machine):
    heading("a virtual door")
    pass_the_door(site, machine, tries=6)
    waits = sorted(pass_the_door(site, machine) for _ in range(3))
    ok("a card that may pass moves the strike, which comes back by itself")
    note("card at the reader -> strike moves (median of 3)", f"{waits[1] * 1000:.0f} ms")
    for card, reason in [(BO, "no_grant"), (NOBODY, "unknown_card")]:
        time.sleep(REMOVED_S)
        at = site.tap(card)
        machine.expect_edge("red_led", 1, at, MOVE_S)
        event = expect_event(site, f"a denial of {card}", lambda e: e["event"].get("hex") == card)["event"]
        if event["granted"] or machine.edges_since("strike", at):
            raise Missed(f"{card} has moved the strike, or was granted: {event}")
        ok(f"a card that may not pass is denied ({', '.join(r['code'] for r in event['reasons'])}), and the strike stays")
        site.take_away()
    says = lambda what: (lambda e: e["event"].get("type") == "door" and e["event"].get("what") == what)
    machine.set_input("rex", 1)
    expect_event(site, "request_to_exit", says("request_to_exit"))
    machine.set_input("rex", 0)
    ok("the button inside is told")
    # What it opens is not forced for a while.
    time.sleep(SHUNT_S)
    machine.set_input("door_contact", 1)
    expect_event(site, "forced", says("forced"))
    machine.set_input("door_contact", 0)
    expect_event(site, "closed", says("closed"))
    ok("a door that is forced is told, and that it is shut again")


def inspect(machine):
    heading("what the system says")
    code, said = machine.run("CREDENTIALS_DIRECTORY=/run/credentials/doorward.service doorward doctor", 200, may_fail=True)
    print(said)
    if code:
        raise Missed("doorward doctor has something to say")
    warnings = len(re.findall("^warning", said, re.M))
    note("doorward doctor", f"{len(re.findall('^ok', said, re.M))} ok, {warnings} warnings, none failed")
    said = machine.run("systemd-analyze security doorward --no-pager | tail -n 1", 200)
    note("systemd-analyze security", re.sub(r"[^ -~]", "", said).strip())


def sudden_death(site, machine):
    heading("kill -9 of the daemon while the strike is held")
    daemon = machine.run("systemctl show doorward -p MainPID --value")
    time.sleep(REMOVED_S)
    moved = machine.expect_edge("strike", 1, site.tap(ADA), MOVE_S)
    machine.run(f"kill -9 {daemon}")
    killed = time.monotonic()
    rested = machine.expect_edge("strike", 0, moved, MOVE_S)
    site.take_away()
    if killed - moved > UNLOCK_S - 2:
        raise Missed("this machine is too slow: the daemon was killed only when it was letting the strike go by itself")
    wait_for("ExecStopPost says that the outputs are at rest", MOVE_S,
             lambda: "outputs at rest" in machine.run("journalctl -b -u doorward --no-pager | tail -n 20"), 1)
    note("kill -9 -> strike at rest", f"{(rested - killed) * 1000:.0f} ms; the card would have held it {UNLOCK_S} s")
    wait_for("systemd starts it again", READY_S, lambda: "active 1" == machine.run(
        "echo $(systemctl show doorward -p ActiveState --value) $(systemctl show doorward -p NRestarts --value)"), 1)
    pass_the_door(site, machine, tries=6)
    ok("systemd has started it again, and it opens")


def ordered_end(site, machine):
    heading("systemctl stop while the strike is held")
    time.sleep(REMOVED_S)
    at = site.tap(ADA)
    machine.expect_edge("strike", 1, at, MOVE_S)
    begun = time.monotonic()
    machine.run("systemctl stop doorward")
    took = time.monotonic() - begun
    machine.expect_edge("strike", 0, at, 1)
    site.take_away()
    if took > STOP_S:
        raise Missed(f"systemctl stop took {took:.1f} s, more than {STOP_S}")
    note("systemctl stop, strike at rest", f"{took:.1f} s")
    machine.run("systemctl start doorward", READY_S)


def act(place):
    heading("a panel that was just installed")
    with Panel(place, place.disk) as machine:
        note("power-on -> ready, empty mirror", f"{expect_rest_until_ready(machine):.0f} s")
        ok("from power-on to ready no line has left its rest")
        verified = expect_equal(place.site, machine)
        note("first sync", f"{verified['records']} records, roots equal, verify content")
        doors(place.site, machine)
        inspect(machine)
        sudden_death(place.site, machine)
        ordered_end(place.site, machine)
        figures(machine, f"{verified['records']} records")
        expect_equal(place.site, machine)
        machine.shut_down(OFF_S)
