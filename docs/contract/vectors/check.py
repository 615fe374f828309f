#!/usr/bin/env python3
"""Checks the vectors beside it, by the contract's text and Python's standard library alone.

    check.py            compares; each difference is a line, and the exit is 1
    check.py --write    computes the expected values anew, after a vector was added
"""

import hashlib
import json
import pathlib
import re
import sys

INTEGER_MAX, DEPTH_MAX, RECORD_MAX_BYTES, CHANGES_MAX = 2**53 - 1, 16, 16 * 1024, 1024
MODULUS = 2**128


def refuse(why):
    raise ValueError(why)


def integer(digits):
    number = int(digits)
    if digits == "-0" or abs(number) > INTEGER_MAX:
        refuse("an integer is within 2^53 - 1 either way, and 0 has no sign")
    return number


def members(pairs):
    return dict(pairs) if len(dict(pairs)) == len(pairs) else refuse("a member twice")


def ordered(value, depth=0):
    """The value with its members in canonical order; refuses what the contract's JSON does not have."""
    if isinstance(value, (list, dict)) and depth == DEPTH_MAX:
        refuse("nested deeper than 16")
    if isinstance(value, list):
        return [ordered(item, depth + 1) for item in value]
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return {ordered(name): ordered(value[name], depth + 1) for name in names}
    if isinstance(value, str):
        value.encode("utf-8")  # refuses half a surrogate pair
    return value if value is not None else refuse("a null")


def canonical(text):
    """The canonical bytes of a text; ValueError if it has none."""
    strict = {"object_pairs_hook": members, "parse_int": integer, "parse_float": refuse, "parse_constant": refuse}
    try:
        value = ordered(json.loads(text, **strict))
    except RecursionError:
        refuse("nested deeper than 16")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def opaque(text):
    return b'{"refused_sha256":"%s"}' % hashlib.sha256(text.encode("utf-8")).hexdigest().encode()


def counted(text):
    """What a digest covers: the canonical form, or what stands in for it."""
    try:
        return canonical(text) if len(text.encode("utf-8")) <= RECORD_MAX_BYTES else opaque(text)
    except ValueError:
        return opaque(text)


def digest(kind, key, body, version):
    hashed = b'{"key":"%s","kind":"%s","record":%s,"version":[%d,%d]}'
    hashed %= (key.encode(), kind.encode(), body, *version)
    return int.from_bytes(hashlib.sha256(hashed).digest()[:16], "big")


def place(kind, key):
    return int.from_bytes(hashlib.sha256(f"{kind}/{key}".encode()).digest()[:8], "big")


def bucket(bits, kind, key):
    return place(kind, key) >> (64 - bits)


def slices(text):
    """The members of an object, or the items of an array (numbered), as they are written."""
    decode, space, at, found = json.JSONDecoder().raw_decode, re.compile(r"[ \t\r\n]*"), 0, []
    skip = lambda at: space.match(text, at).end()
    at = skip(0)
    closing, at = {"{": "}", "[": "]"}[text[at]], skip(at + 1)
    while text[at] != closing:
        name = len(found)
        if closing == "}":
            name, at = decode(text, at)
            at = skip(skip(at) + 1)
        end = decode(text, at)[1]
        found.append((name, text[at:end]))
        at = skip(end)
        at = skip(at + 1) if text[at] == "," else at
    return found


def change(text):
    """(kind, key, record text or None, whether it is refused whatever the record is); ValueError without an envelope."""
    known = members([(name, part) for name, part in slices(text) if name in ("op", "kind", "key", "record")])
    op, kind, key = (json.loads(known[name]) for name in ("op", "kind", "key"))
    if not (re.fullmatch("[a-z_]{1,32}", kind) and re.fullmatch("[A-Za-z0-9._@:+-]{1,64}", key) and isinstance(op, str)):
        refuse("a kind or key that nobody can have")
    record = known.get("record", "null")
    if (op, record != "null") in (("upsert", True), ("delete", False)):
        return kind, key, record if op == "upsert" else None, False
    return kind, key, text, True


def message(text):
    """What a `changes` message does to each key it names: a digest, or None for a delete."""
    envelope = dict(slices(text))
    version = json.loads(envelope["epoch"]), json.loads(envelope["seq"])
    seen, misshapen = {}, []
    for at, part in slices(envelope["changes"]):
        try:
            kind, key, sent, is_refused = change(part)
        except (ValueError, KeyError, TypeError):
            misshapen.append(at)
            continue
        # Of a key that comes twice neither meaning counts: the stand-in is that of its first record.
        first = seen.get((kind, key))
        seen[kind, key] = ((first[0] or ""), True) if first else (sent, is_refused)
    keys = []
    for (kind, key), (sent, is_refused) in seen.items():
        body = None if sent is None else opaque(sent) if is_refused else counted(sent)
        found = None if body is None else f"{digest(kind, key, body, version):032x}"
        keys.append({"kind": kind, "key": key, **({"digest": found} if found else {"deleted": True})})
    return {"keys": keys, "misshapen": misshapen}


def record_vector(vector):
    kind, key, body = vector["kind"], vector["key"], counted(vector["sent"])
    return {
        "counted": body.decode("utf-8"),
        "digest": f"{digest(kind, key, body, vector['version']):032x}",
        "place": f"{place(kind, key):016x}",
        "buckets": {str(bits): bucket(bits, kind, key) for bits in (0, 1, 4, 14, 16)},
    }


def history(steps):
    """The root after each step, and the buckets' digests at the end."""
    rows, after = {}, []
    for step in steps:
        name = step["kind"], step["key"]
        rows.pop(name, None)
        if "sent" in step:
            rows[name] = digest(*name, counted(step["sent"]), step["version"])
        after.append({"root": f"{sum(rows.values()) % MODULUS:032x}"})
    sums = {}
    for bits in (0, 1, 4):
        totals = [0] * 2**bits
        for name, value in rows.items():
            totals[bucket(bits, *name)] += value
        sums[str(bits)] = [f"{total % MODULUS:032x}" for total in totals]
    return after, {"digests": sums}


def expected(name, vector):
    if name == "roots.json":
        after, end = history(vector["steps"])
        return {"steps": [{**step, **root} for step, root in zip(vector["steps"], after)], **end}
    return message(vector["sent"]) if name == "messages.json" else record_vector(vector)


def main(write):
    differences = 0
    for name in ("records.json", "refused.json", "messages.json", "roots.json"):
        path = pathlib.Path(__file__).parent / name
        vectors = json.loads(path.read_text(encoding="utf-8"))
        for vector in vectors:
            for member, value in expected(name, vector).items():
                if write:
                    vector[member] = value
                elif vector.get(member) != value:
                    differences += 1
                    print(f"{name}: {vector['what']}: {member} is {value!r}, not {vector.get(member)!r}")
        if write:
            lines = (json.dumps(vector, ensure_ascii=False) for vector in vectors)
            path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
        print(f"{name}: {len(vectors)} vectors")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] == ["--write"]))
