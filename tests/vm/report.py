"""What a run says while it goes, and the table at its end."""
import time

TABLE = []


def note(what, figure):
    TABLE.append((what, str(figure)))
    print(f"   {what}: {figure}", flush=True)


def heading(words):
    print(f"== {time.strftime('%H:%M:%S')} {words}", flush=True)


def ok(words):
    print(f"ok      {words}", flush=True)


def print_table():
    width = max(len(what) for what, _ in TABLE)
    for what, figure in TABLE:
        print(f"{what:<{width}}  {figure}", flush=True)
