#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Small rules that a machine can see.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh

need python3
need git
git ls-files -co --exclude-standard -z | python3 -c '
import os, re, sys

PURE = {"xs_ring", "xs_msg", "xs_conn", "xs_shadow", "xenbus_state", "xs_record"}
CODE = (".c", ".h", ".py", ".sh")
bad = looked = 0


def say(path, line, what):
    global bad
    bad += 1
    print(f"{path}:{line}: {what}")


for path in sys.stdin.read().split("\0"):
    if not os.path.isfile(path):
        continue
    raw = open(path, "rb").read()
    if b"\0" in raw or path.startswith("test/fuzz/corpus/") or path.endswith(".lab"):
        continue
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        continue
    looked += 1
    stem, ext = os.path.splitext(os.path.basename(path))
    code = ext in CODE or os.path.basename(path) in ("Kbuild", "Makefile") or text.startswith("#!")
    lines = text.split("\n")
    if text and lines[-1]:
        say(path, len(lines), "no newline at the end of the file")
    if code and not any("SPDX-License-Identifier: " in line for line in lines[:4]):
        say(path, 1, "no SPDX line")
    for n, line in enumerate(lines, 1):
        if line != line.rstrip():
            say(path, n, "whitespace at the end of the line")
        columns, limit = len(line.expandtabs(8)), 120 if ext == ".py" else 100
        row = re.match(r"/\*.*\*/", line)     # of a table, which is read across
        if code and columns > limit and not row:
            say(path, n, f"{columns} columns, over {limit}")
        if stem != "xs_compat" and ext in (".c", ".h") and "LINUX_VERSION_CODE" in line:
            say(path, n, "a kernel version outside xs_compat.h")
        if ext in (".c", ".h") and stem in PURE and re.match(r"\s*#\s*include\s*<linux/", line):
            say(path, n, "a pure file includes the kernel")
        if "/" not in path and re.search(r"RING_(FINAL_CHECK|PUSH_\w+_AND_CHECK)_", line):
            say(path, n, "plain reads of what the backend writes: use xs_sring.h")
if not looked:
    say("style.sh", 0, "no file was looked at")
print(f"{looked} files looked at, {bad} faults")
sys.exit(bad > 0)
'
