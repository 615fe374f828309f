#!/usr/bin/env python3
"""Who may pass, by the rules as written in words and Python's zoneinfo: a second implementation to compare with.

Each line of standard input is {"world": records and settings, "questions": [...]}; each line of standard output a list
with an answer to each question: {"granted", "reasons": sorted texts, "nearest": seconds since 1970 or null}. `nearest`
is searched minute by minute, for the questions that say how far ("search_s").
"""

import datetime
import json
import sys
import zoneinfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def seconds(text):
    if text is None:
        return None
    return int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp())


def written(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def zone(name):
    try:
        return None if name == "Etc/Unknown" else zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


def begun(schedule, date):
    listed = [h.get("intervals", []) for h in schedule.get("holidays", []) if h["date"] == date.isoformat()]
    if listed:
        return [interval for intervals in listed for interval in intervals]
    return [entry for entry in schedule["weekly"] if DAYS[date.weekday()] in entry["days"]]


def inside(schedule, at):
    shown = datetime.datetime.fromtimestamp(at, zone(schedule["zone"]))
    clock = shown.strftime("%H:%M")
    today, yesterday = shown.date(), shown.date() - datetime.timedelta(days=1)
    for interval in begun(schedule, today):
        if interval["from"] <= clock and (clock < interval["to"] or interval["to"] <= interval["from"]):
            return True
    return any(i["to"] <= i["from"] and clock < i["to"] for i in begun(schedule, yesterday))


class Moment:
    """A question's circumstances, `later` seconds on."""

    def __init__(self, question, later=0):
        self.trusted, self.floor, self.now = question["trusted"], question["floor"], question["now"] + later
        news = question["news"]
        self.proven_at = news["proven_at"]
        self.age = None if news["age_s"] is None else news["age_s"] + later
        self.up = news["up_s"] + later
        self.ago = None if question["passed_ago_s"] is None else question["passed_ago_s"] + later
        self.wait, self.exempt = question["wait_s"], question["lockdown"]


def window(record, name, moment):
    start, end = seconds(record.get("valid_from")), seconds(record.get("valid_to"))
    if moment.trusted:
        if end is not None and end <= moment.now:
            return [f"over {name} {written(end)}"]
        return [f"not_yet {name} {written(start)}"] if start is not None and start > moment.now else []
    if end is not None and end <= moment.floor:
        return [f"over {name} {written(end)}"]
    return [] if start is None and end is None else [f"clock_untrusted {name}"]


def leash_holds(leash, moment):
    most = leash["max_age_s"]
    if most is None:
        return True
    if moment.age is not None:
        return moment.age < most
    if moment.proven_at is None:
        return False
    if moment.trusted:
        return 0 <= moment.now - moment.proven_at < most
    return leash["after_reboot"] == "begins_anew" and moment.floor - moment.proven_at < most and moment.up < most


def lockdown(moment, class_):
    return [] if moment.exempt is None or (class_ is not None and class_ in moment.exempt) else ["lockdown"]


def path(world, name, assignment, grant, moment):
    right = assignment["entitlement"]
    record = world["entitlements"].get(right)
    failing, class_ = [], None
    if record is None:
        failing.append(f"unknown_entitlement {right}")
    else:
        class_ = record.get("class")
        if record["pacs_ref"] in world["vanished"]:
            failing.append(f"vanished {right}")
    failing += window(assignment, f"assignment {name}", moment)
    if "schedule" in grant:
        wanted = grant["schedule"]
        schedule = world["schedules"].get(wanted)
        if schedule is None:
            failing.append(f"unknown_schedule {wanted}")
        elif zone(schedule["zone"]) is None:
            failing.append(f"unknown_zone {wanted} {schedule['zone']}")
        elif not moment.trusted:
            failing.append(f"clock_untrusted schedule {wanted}")
        elif not inside(schedule, moment.now):
            failing.append(f"outside_schedule {wanted}")
    leashes = world["leashes"]
    if not leash_holds(leashes["by_class"].get(class_, leashes["otherwise"]), moment):
        failing.append(f"leash_over {right}")
    return failing + lockdown(moment, class_)


def failing(world, question, moment):
    """Nothing if the card may pass, or every reason why not."""
    shown = question["identifier"]
    same = lambda i: i["type"] == shown["type"] and bytes.fromhex(i["hex"]) == bytes.fromhex(shown["hex"])
    carrying = [key for key, token in world["tokens"].items() if any(map(same, token["identifiers"]))]
    live = [key for key in carrying if world["tokens"][key]["status"] != "REVOKED"]
    door, paths, own, reasons = world["doors"].get(question["door"]), [], None, []
    if not carrying:
        reasons.append("unknown_card")
    elif len(live) > 1:
        reasons.append("ambiguous_card " + " ".join(sorted(live)))
    else:
        own = (live or carrying)[0]
    if door is None:
        reasons.append("unknown_door")
    if own is not None:
        token = world["tokens"][own]
        if token["status"] != "ACTIVE":
            reasons.append(f"token_status {own} {token['status']}")
        if own in world["revoked_here"]:
            reasons.append(f"revoked_here {own}")
        reasons += window(token, f"token {own}", moment)
        if moment.ago is not None and moment.ago < moment.wait:
            reasons.append(f"passed_just_now {moment.wait - moment.ago}")
        user = token.get("user")
        if user is None:
            reasons.append(f"token_of_nobody {own}")
        elif user not in world["users"]:
            reasons.append(f"unknown_user {own} {user}")
        elif world["users"][user]["status"] != "active":
            reasons.append(f"user_status {user} {world['users'][user]['status']}")
        if user is not None and door is not None:
            for name, assignment in world["assignments"].items():
                for grant in door["grants"]:
                    if assignment["user"] == user and assignment["entitlement"] == grant["entitlement"]:
                        paths.append(path(world, name, assignment, grant, moment))
            if not paths:
                reasons.append(f"no_assignment {user}")
    if not paths:
        reasons += lockdown(moment, None)
    elif all(paths):
        reasons += [reason for one in paths for reason in one]
    if question.get("restored"):
        reasons.append("restored")
    return sorted(set(reasons))


def answer(world, question):
    reasons = failing(world, question, Moment(question))
    nearest = None
    if question["trusted"] and question["search_s"]:
        for later in range(0, question["search_s"] + 1, 60):
            if not failing(world, question, Moment(question, later)):
                nearest = question["now"] + later
                break
    return {"granted": not reasons, "reasons": reasons, "nearest": nearest}


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps([answer(asked["world"], question) for question in asked["questions"]]))
