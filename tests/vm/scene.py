#!/usr/bin/env python3
"""The scene of `make vm-test`: an emulated panel from power-on to its end, its plug pulled twenty times. scripts/vm-test starts it.

| module | what |
|---|---|
| `machine` | the emulator: power, lines as seen from outside, a shell inside |
| `site_around` | broker, source, reader and what flows, on this machine |
| `disk` | what is put on the panel's disk |
| `panel` | what has to be true of the panel and its door |
| `first_day`, `cuts`, `large`, `inverted` | the acts |
"""
import argparse, os, shutil, time

import cuts, first_day, inverted, large
from disk import first_boot
from report import heading, note, print_table
from site_around import Site


class Place:
    """Where everything of this run is."""

    def __init__(self, options):
        self.image, self.folder, self.programs = options.image, options.folder, options.programs
        self.disk = f"{options.folder}/disk"
        self.site = Site(self.folder, options.programs, options.acl)


def perform(options):
    acts = options.acts.split(",")
    place = Place(options)
    try:
        heading("installing")
        first_boot(place.image, place.folder, place.disk, options.package, place.site)
        if "day" in acts:
            first_day.act(place)
        if "cuts" in acts:
            cuts.act(place, options.seed, options.cuts)
        if "large" in acts:
            large.act(place, options.users)
        if "inverted" in acts:
            inverted.act(place)
    finally:
        place.site.close()


def main():
    options = argparse.ArgumentParser()
    for name in ("image", "folder", "programs", "package", "acl"):
        options.add_argument(f"--{name}", required=True, type=os.path.abspath)
    options.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options.add_argument("--cuts", type=int, default=20)
    options.add_argument("--users", type=int, default=100_000)
    options.add_argument("--acts", default="day,cuts,large,inverted")
    options = options.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    os.makedirs(options.folder)
    begun = time.monotonic()
    print(f"seed {options.seed}: the same by VM_ARGS=\"--seed {options.seed}\"", flush=True)
    note("package", f"{os.path.getsize(options.package)} bytes")
    perform(options)
    note("all of it", f"{(time.monotonic() - begun) / 60:.0f} minutes")
    heading("all of it holds")
    print_table()


if __name__ == "__main__":
    main()
