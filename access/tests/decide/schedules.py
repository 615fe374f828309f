#!/usr/bin/env python3
"""When schedules hold, by the contract's text and Python's zoneinfo: a second implementation to compare with.

Each line of standard input is {"schedule": record, "from": seconds, "to": seconds}, whole minutes since 1970.
Each line of standard output is {"holds": at from, "changes": [instants in (from, to]]}: every minute is looked at.
"""

import datetime
import json
import sys
import zoneinfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EPOCH = datetime.date(1970, 1, 1)


def minutes(text):
    hours, rest = text.split(":")
    return int(hours) * 60 + int(rest)


def paint(day, following, interval):
    """Marks the minutes of the day an interval begins on, and those of the day after."""
    begin, end = minutes(interval["from"]), minutes(interval["to"])
    if end <= begin:
        end += 1440
    for minute in range(begin, end):
        if minute < 1440:
            day[minute] = 1
        else:
            following[minute - 1440] = 1


class Days:
    def __init__(self, schedule):
        self.weekly = [[] for _ in DAYS]
        for entry in schedule["weekly"]:
            for name in entry["days"]:
                self.weekly[DAYS.index(name)].append(entry)
        self.dates = {}
        for holiday in schedule.get("holidays", []):
            number = (datetime.date.fromisoformat(holiday["date"]) - EPOCH).days
            self.dates.setdefault(number, []).extend(holiday.get("intervals", []))
        self.painted = {}

    def begun(self, number):
        if number not in self.painted:
            own, following = bytearray(1440), bytearray(1440)
            weekday = (number + 3) % 7  # 1970 began on a Thursday
            for interval in self.dates.get(number, self.weekly[weekday]):
                paint(own, following, interval)
            self.painted[number] = own, following
        return self.painted[number]

    def day(self, number):
        own, before = self.begun(number)[0], self.begun(number - 1)[1]
        return bytes(a | b for a, b in zip(own, before))


def answer(question):
    schedule, start, end = question["schedule"], question["from"], question["to"]
    zone, days, shown = zoneinfo.ZoneInfo(schedule["zone"]), Days(schedule), {}
    first, state, changes, offset = None, None, [], None
    for at in range(start, end + 1, 60):
        if offset is None or at % 900 == 0:  # every zone has changed on a quarter of an hour since 1972
            there = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).astimezone(zone)
            offset = int(there.utcoffset().total_seconds()) // 60
        number, minute = divmod(at // 60 + offset, 1440)
        if number not in shown:
            shown[number] = days.day(number)
        now = shown[number][minute]
        if state is None:
            first = now
        elif now != state:
            changes.append(at)
        state = now
    return {"holds": bool(first), "changes": changes}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
