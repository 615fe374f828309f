"""The proof that "no line leaves its rest" can fail: the same with a board file that has each rest the other way round."""
from disk import OFF_S
from machine import Missed
from panel import READY_S, Expected, Panel, expect_rest_until_ready
from report import heading, note, ok


def act(place):
    heading("the same with the board file inverted: it has to fail")
    with Panel(place, place.disk) as machine:
        machine.expect_ready(READY_S)
        machine.run("cp /etc/doorward/inverted.toml /etc/doorward/board.toml && sync")
        machine.shut_down(OFF_S)
    try:
        with Panel(place, place.disk) as machine:
            try:
                expect_rest_until_ready(machine)
            except Missed as missed:
                if "before anybody had asked" not in str(missed):
                    raise
                raise Expected(missed) from missed
    except Expected as found:
        ok(f"it fails: {found}")
        note("with an inverted board file", "fails, as it has to")
        return
    raise Missed("an inverted board file was not noticed: this test cannot fail")
