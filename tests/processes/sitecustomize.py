"""In each Python that a test starts: notes what the test's own look-out cannot see.

Every interpreter imports this first, because the folder is on its path. It writes a line of JSON
for a crash, a failed start, a dropped message, a line at ERROR and an exception that nobody
handled; nothing else changes. Written at once: a process may be killed.
"""

import json
import logging
import os
import sys
import threading
from pathlib import Path

FOLDER = os.environ.get("TELEWARDEN_TEST_TROUBLES")
REPORTS = "telewarden.supervision.observe.event_logger"
KINDS = {
    "child failed": "CRASH",
    "child goes on": "CRASH",
    "child did not start": "START",
    "message dropped": "DROPPED",
}
LOGGERS = {"telewarden", "pykka", "asyncio", "concurrent", "telethon", "uvicorn"}


def names(kind):
    return [f"{one.__module__}.{one.__qualname__}" for one in kind.__mro__[:-1]]


def note(kind, child, about, error=None):
    places, traceback = [], error and error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    told = {
        "kind": kind,
        "child": child,
        "about": about[:500],
        "errors": [] if error is None else names(type(error)),
        "where": places[-3:],
        "process": f"process {os.getpid()}",
    }
    with Path(FOLDER, f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")


def note_record(record):
    error = record.exc_info[1] if record.exc_info else None
    line = record.getMessage()
    if record.name == REPORTS and (kind := kind_of(line)):
        child = line.partition(" child=")[2].split(" ")[0]
        about = f"{type(error).__name__}: {error}" if error else line
        if kind == "DROPPED":
            message, reason = line.partition(" message=")[2].split(" reason=")
            about = f"{message.strip(chr(39))} ({reason.strip(chr(39))})"
        note(kind, child, about, error)
    elif record.levelno >= logging.ERROR:
        note("LOGGED", record.name, line, error)


def kind_of(line):
    return next((kind for start, kind in KINDS.items() if line.startswith(start)), None)


def watch():
    handle, hook, unraisable = logging.Logger.handle, threading.excepthook, sys.unraisablehook
    reports = logging.getLogger(REPORTS)
    shown = reports.isEnabledFor

    def handling(self, record):
        if record.name.partition(".")[0] in LOGGERS and record.levelno >= logging.WARNING:
            note_record(record)
        if self is not reports or shown(record.levelno):
            handle(self, record)

    def ended(args):
        note("LOGGED", "threading", f"unhandled in thread: {args.exc_value!r}", args.exc_value)
        hook(args)

    def unraised(args):
        note("LOGGED", "sys", f"unraisable: {args.exc_value!r}", args.exc_value)
        unraisable(args)

    # Heard here whether the program shows it or not.
    reports.isEnabledFor = lambda level: level >= logging.WARNING or shown(level)
    logging.Logger.handle = handling
    threading.excepthook, sys.unraisablehook = ended, unraised


if FOLDER and Path(FOLDER).is_dir():
    watch()
