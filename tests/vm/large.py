"""A panel of a large site. Its mirror is made by this machine's own build of the gateway, at the same broker, since the emulator
would take long; then it is put on the panel's disk.

Not here: how fast a real panel fetches such a site (`make bench-first-sync` measures on a real machine).
"""
import os, signal, subprocess, time

from machine import Missed, wait_for
from disk import OFF_S, ROOT, put_mirror
from panel import Panel, expect_equal, expect_rest_until_ready, figures, pass_the_door
from report import heading, note
from site_around import GATEWAY, PASSWORDS, USERS, write_users

FETCH_S = 900
# The goal, in kB.
MEMORY_MAX_KB = 8 * 1024


def act(place, users):
    heading(f"a site of {users} users")
    site = place.site
    with open(f"{place.folder}/large.csv", "w") as file:
        write_users(file, range(USERS, users))
    begun = time.monotonic()
    site.source("import", f"{place.folder}/large.csv")
    wait_for("the source publishes it", FETCH_S, lambda: not site.status()["outgoing"], 1)
    print(f"   published in {time.monotonic() - begun:.0f} s", flush=True)
    mirror = fetch(place)
    put_mirror(place.disk, mirror)
    with Panel(place, place.disk) as machine:
        note("power-on -> ready, large mirror", f"{expect_rest_until_ready(machine):.0f} s")
        verified = expect_equal(site, machine, 300)
        note("large mirror", f"{users} users, {verified['records']} records, {os.path.getsize(mirror) >> 20} MiB, roots equal")
        pass_the_door(site, machine, tries=6)
        pass_the_door(site, machine)
        anonymous = figures(machine, f"{users} users")
        if anonymous > MEMORY_MAX_KB:
            raise Missed(f"the daemon has {anonymous} kB of anonymous memory, more than {MEMORY_MAX_KB}")
        machine.shut_down(OFF_S)


def fetch(place):
    """The mirror that the gateway makes of an empty folder, in the panel's place."""
    folder, site = f"{place.folder}/host", place.site
    os.makedirs(f"{folder}/state")
    with open(f"{folder}/password", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(PASSWORDS[GATEWAY])
    with open(f"{folder}/config.toml", "w") as file:
        file.write(f'site = "vm"\ngateway = "{GATEWAY}"\nstate_dir = "state"\ncontrol_dir = "control"\n'
                   f'board = "{ROOT}/boards/virtual.toml"\n[broker]\nhost = "localhost"\nport = {site.port}\n'
                   f'ca_file = "{site.folder}/ca.pem"\nusername = "{GATEWAY}"\npassword = {{ file = "password" }}\n'
                   '[clock]\nsync = "host"\n')
    begun = time.monotonic()
    call = [f"{place.programs}/doorward", "--config", f"{folder}/config.toml"]
    with open(f"{folder}/log", "wb") as log:
        gateway = subprocess.Popen([*call, "run"], stdout=log, stderr=log)
        try:
            wait_for("a gateway of this machine holds the site", FETCH_S, lambda: is_whole(call, site), 2)
        finally:
            gateway.send_signal(signal.SIGTERM)
            gateway.wait(30)
    print(f"   fetched in {time.monotonic() - begun:.0f} s", flush=True)
    return f"{folder}/state/mirror.sqlite"


def is_whole(call, site):
    site.source("checkpoint")
    verified = subprocess.run([*call, "status", "--json"], capture_output=True, text=True, timeout=120)
    return verified.returncode == 0 and site.status()["root"] in verified.stdout
