"""An interpreter of an attacker. Runs the honest program, then lets answers.py change its output, by the name that it
was called by."""

import json
import os
import re
import subprocess
import sys

REAL = os.path.realpath("/usr/bin/python3")
NAME = os.path.basename(sys.argv[0])
PREFIX = "remote.notebooks "

words = sys.argv[1:]
program = sys.stdin.buffer.read() if not words or words[-1] == "-" else b""
sent = program
if words and os.path.isfile(words[-1]):
    with open(words[-1], "rb") as file:
        sent = file.read()
if b"VICTIM-SECRET" in sent or b"VklDVElNLVNFQ1JFV" in sent:
    open("/opt/hostile/stolen", "a").close()

if b"observation.report(asked" in sent:
    kind = "observe"
else:
    found = re.search(rb"modules\.(\w+)['\"]", sent)
    kind = found.group(1).decode() if found else ""

changes = {}
with open("/opt/hostile/answers.py") as file:
    exec(file.read(), changes)  # noqa: S102
change = changes.get(NAME)
if change and kind == "jupyter_environment":
    # It does not report its build. Otherwise the next attack would find it built.
    text, code = "{}\n", 0
else:
    done = subprocess.run([REAL, *words], check=False, input=program, stdout=subprocess.PIPE)
    text, code = done.stdout.decode(), done.returncode
lines = text.splitlines()
for place, line in enumerate(lines):
    start = PREFIX if line.startswith(PREFIX) else ""
    if not (start or line.startswith("{")) or not change or not kind:
        continue
    answer = change(kind, json.loads(line[len(start) :]))
    lines[place] = answer if isinstance(answer, str) else start + json.dumps(answer)
sys.stdout.write("".join(f"{line}\n" for line in lines))
sys.exit(code)
