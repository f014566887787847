# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nightly job of a control node: renew the certificates that are due, check every server, report. Tell a person if
one of them fails, and once when all is right again. Runs in the folder that the role schedule writes.

``last`` has the result of the last run: ``ok`` and the time, or the failures as they were told.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

#: Seconds for one playbook. It hangs if it takes longer, and the next night would find it still running.
LIMIT = 4 * 3600
STEPS = ("renew", "check", "report")
#: Lines of a failure in a message. The log has the others.
MOST = 40
_FAILURE = re.compile(r"(?:fatal|failed): \[([^\]]*)\].*? => ?(.*)")
_ERROR = re.compile(r"\[?ERROR\b")


def variables(step, job):
    """Return the extra variables of a playbook."""
    if step == "renew":
        return {"pki_renew": [], "jupyter_verify": False}  # those that are due, and not all; the check follows
    found = {"expires_within": job["expires_within"], f"{step}_json": os.path.abspath(f"{step}.json")}
    if step == "report" and job["textfile_dir"]:
        found["report_textfile"] = os.path.join(job["textfile_dir"], "remote_notebooks.prom")
    return found


def run(step, job, log):
    """Run one playbook. Return its output, and the reason of its failure or an empty text."""
    inventories = [word for path in job["inventories"] for word in ("--inventory", path)]
    playbook = os.path.join(job["playbooks"], f"{step}.yml")
    argv = [job["python"], "-m", "ansible", "playbook", *inventories, *job["options"], playbook]
    # A log has no colours, and each failure in it is its message as it was written.
    shape = {"ANSIBLE_STDOUT_CALLBACK": "remote.notebooks.progress", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    log.write(f"\n=== {step}\n".encode())
    log.flush()
    begin = os.fstat(log.fileno()).st_size
    process = subprocess.Popen(
        [*argv, "--extra-vars", json.dumps(variables(step, job))],
        env={**os.environ, **job["environment"], **shape},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        code = process.wait(LIMIT)
        reason = f"exit code {code}" if code else ""
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reason = f"no end within {LIMIT / 3600:g} hours"
    with open(log.name, "rb") as file:
        file.seek(begin)
        return file.read().decode(errors="replace"), reason


def failures(output):
    """Return the lines of the failures in the log of a playbook, each once.

    >>> failures('TASK [x]\\nfatal: [web1]: FAILED! => \\n  No room.\\n  Free some.\\n\\nPLAY RECAP')
    ['web1: No room.', '  Free some.']
    """
    found, inside, host = [], False, ""
    for line in output.splitlines():
        match = _FAILURE.match(line)
        if match:
            inside, host = True, f"{match[1]}: "
            text = match[2]
        elif _ERROR.match(line):
            inside, host, text = True, "", line
        elif inside and line.startswith("  "):
            text = "" if line.startswith("  Origin: ") else line if not host else line.strip()
        else:
            inside, text = False, ""
        if text.strip():
            found.append(f"{host}{text.strip()}" if host else text)
            host = ""
    return list(dict.fromkeys(found))


def unreachable():
    """Return the lines of the check about servers that a client does not reach; none without a result."""
    try:
        with open("check.json", encoding="utf-8") as file:
            rows = json.load(file)["servers"]
    except (OSError, ValueError, KeyError):
        return []
    found = []
    for row in rows:
        if row["verdict"] != "reachable":
            found.append(f"{row['host']}/{row['instance']} ({row['way']}): {row['verdict']} ({row['cause']})")
            found += [f"  {line}" for key in ("message", "cure") for line in row[key].splitlines()]
    return found


def write(path, text, mode=0o600):
    """Replace a file by one rename: another program may read it at any time."""
    descriptor, name = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".new-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, mode)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


def metrics(reasons, now):
    """Return the metrics of the job (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
    lines = [
        "# HELP remote_notebooks_schedule_success Whether the playbook of the nightly job succeeded.",
        "# TYPE remote_notebooks_schedule_success gauge",
        *(f'remote_notebooks_schedule_success{{playbook="{step}"}} {int(not reasons[step])}' for step in reasons),
        "# HELP remote_notebooks_schedule_timestamp_seconds When the nightly job ended.",
        "# TYPE remote_notebooks_schedule_timestamp_seconds gauge",
        f"remote_notebooks_schedule_timestamp_seconds {now}",
    ]
    return "\n".join(lines) + "\n"


def tell(subject, text):
    """Give a message to the operator's command. Return the reason why it could not be told, or an empty text."""
    with open("notify.sh", encoding="utf-8") as file:
        if not file.read().strip():
            return ""
    done = subprocess.run(
        ["/bin/sh", "notify.sh"],
        input=f"{text}\n",
        env={**os.environ, "NOTEBOOKS_SUBJECT": subject},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return f"schedule_notify failed: exit code {done.returncode}. {done.stdout}".strip() if done.returncode else ""


def result(outputs, reasons, log):
    """Return the text of all failures, for a person."""
    lines = [f"{', '.join(step for step in STEPS if reasons[step])} failed on {socket.gethostname()}."]
    for step in STEPS:
        if reasons[step]:
            said = (step == "check" and unreachable()) or failures(outputs[step]) or outputs[step].splitlines()[-5:]
            more = [f"  and {len(said) - MOST} more lines in the log"] if len(said) > MOST else []
            lines += ["", f"{step} ({reasons[step]}):", *(f"  {line}" for line in said[:MOST]), *more]
    return "\n".join([*lines, "", f"The log: {os.path.abspath(log)}"])


def before():
    """Return the result of the run before, or an empty text."""
    try:
        with open("last", encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def prune(most):
    for name in sorted(os.listdir("logs"))[:-most]:
        os.unlink(os.path.join("logs", name))


def main():
    os.umask(0o077)
    with open("job.json", encoding="utf-8") as file:
        job = json.load(file)
    lock = os.open("lock", os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("The nightly job is running already.")
    if os.path.exists("check.json"):
        os.unlink("check.json")  # of the night before
    began = f"{datetime.datetime.now():%Y-%m-%dT%H%M%S}"
    path, outputs, reasons = f"logs/{began}.log", {}, {}
    with open(path, "ab") as log:
        for step in STEPS:
            outputs[step], reasons[step] = run(step, job, log)
    prune(job["keep_logs"])

    faults = [result(outputs, reasons, path)] if any(reasons.values()) else []
    if job["textfile_dir"]:
        try:
            name = os.path.join(job["textfile_dir"], "remote_notebooks_schedule.prom")
            write(name, metrics(reasons, time.time()), 0o644)
        except OSError as error:
            faults.append(f"schedule_textfile_dir: {error}")
    was = before()
    was_ill = bool(was) and not was.startswith("ok")
    if faults:
        faults.append(tell(f"notebooks: {faults[0].splitlines()[0]}", "\n".join(faults)))
    elif was_ill:
        faults.append(tell("notebooks: all is right again", "renew, check and report succeed again."))
    text = "\n".join(filter(None, faults))
    write("last", f"{text or f'ok {began}'}\n")
    if text:
        sys.exit(text)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError) as failure:  # a full disk, or a file of the job that somebody changed
        words = f"The nightly job ended early, and renewed no certificate perhaps: {type(failure).__name__}: {failure}"
        sys.exit("\n".join(filter(None, (words, tell("notebooks: the nightly job ended early", words)))))
