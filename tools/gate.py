# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every part of ``make test``, or the parts that are named, and say how long each took.

A part that fails does not stop the next one: one run shows everything that is red. pytest comes last and its summary is
the last line.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import configparser
import contextlib
import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from tools import prepared, release, test_hosts
from tools.environment import SERIES, build_apart, find_python, installer_environment

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTEST_FOLDERS = ("tests/unit", "tests/connection", "tests/faults")
# A scenario waits for its hosts most of the time: with three, a quarter of two cores idled.
LANES = 4
#: With a worker for each of two cores, two fifths of them idled: tests wait for servers and time limits.
WORKERS = 3
#: The message of a host without uv. It is served all the same, by pip: here that would hide a fault, and half of
#: the speed with it.
WITHOUT_UV = "uv cannot be had on this host"
# The longest takes some ten minutes on two idle cores, and three times that beside the others: the limit is for one
# that hangs. A soak takes less than one more for each run that is asked of it.
SCENARIO_LIMIT = f"{60 + int(os.environ.get('SOAK_RUNS') or 0)}m"
#: Those of five minutes and more begin, so that none of them is left alone with one core at the end.
LONG = {"damage", "modes", "service", "smoke", "soak", "upgrade"}
#: It runs nearly every playbook. `make matrix` runs it with each series of ansible-core.
OF_CORES = "day2"
#: Scenarios that run with the oldest ansible-core that meta/runtime.yml admits, and with the newest. Two hosts of
#: different distributions are in both.
CORES = {OF_CORES: "2.18", "upgrade": "2.21"}
PRINTING = threading.Lock()
REFERENCES = ("--validate-collection-refs=dependent", "--disallow-unknown-collection-refs")


#: Sanity imports each file with this Python and with that of the gate. All Pythons compile them. The imports of the
#: versions between and above took more than half of the whole part.
OLDEST_OF_HOSTS = {"2.18": "3.8", "2.19": "3.8"}
#: Prints the series of ansible-core.
CORE = "from ansible.release import __version__; print(__version__.rpartition('.')[0])"


class Red(Exception):
    """A part failed. Its text names the place to look at."""


def environment(*programs: Path, **extra: str) -> dict[str, str]:
    """The caller's environment with our tools first, and without settings that would point Ansible at another
    collection or inventory, or hand what somebody told this make to the makes of a scenario.

    :param programs: folders that come before our tools.
    """
    if not sys.stdout.isatty():
        extra.setdefault("NO_COLOR", "1")
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "MOLECULE_", "MAKE")) and name not in ("ARGS", "MFLAGS", "PYTHONPATH")
    }
    return {
        **ours,
        "PATH": os.pathsep.join([*map(str, programs), str(BIN), ours.get("PATH", os.defpath)]),
        "VIRTUAL_ENV": str(BIN.parent),
        **extra,
    }


def announce(title: str) -> None:
    with PRINTING:
        print(f"\n=== {title}", flush=True)


def run(*command: str | Path, cwd: Path = ROOT, **extra: str) -> None:
    """Show a command and its output as it comes."""
    words = [str(word) for word in command]
    announce(" ".join(words))
    if subprocess.run(words, check=False, cwd=cwd, env=environment(**extra), stdin=subprocess.DEVNULL).returncode:
        raise Red(words[0])


def stream(*command: str | Path, cwd: Path = ROOT, **extra: str) -> Iterator[str]:
    """The same, line by line, for a caller that reads along; raises Red after the last line."""
    words = [str(word) for word in command]
    announce(" ".join(words))
    options = {
        "cwd": cwd,
        "env": environment(**extra),
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }
    with subprocess.Popen(words, text=True, **options) as process:  # type: ignore[call-overload]
        yield from process.stdout
    if process.returncode:
        raise Red(words[0])


def setup() -> None:
    """Packages, engine and images of the test hosts."""
    test_hosts.main()


def lint() -> None:
    """Every linter runs, so that one correction round is enough."""
    red = []
    for command in (
        ("ansible-lint", "--offline", "--strict"),
        ("yamllint", "--strict", "."),
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy", "plugins", "tools"),
        ("antsibull-changelog", "lint"),
        ("antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml"),
        # The collection depends on no other one. A reference to one is red, as is one that leads nowhere.
        ("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", *REFERENCES, "."),
    ):
        try:
            # ansible-lint checks the syntax of plays without their inventory: a host that it does not have is no fault.
            run(*command, ANSIBLE_HOST_PATTERN_MISMATCH="warning")
        except Red as failure:
            red.append(str(failure))
    try:
        run(sys.executable, "-m", "tools.release", "fragments")
    except Red:
        red.append(release.FRAGMENTS)
    if red:
        raise Red(", ".join(red))


PIP_SEED = '''"""Stands in for the script that ansible-test downloads to get pip: the interpreter carries one."""
import pathlib, subprocess, sys
version = pathlib.Path(__file__).stem.split("_", 2)[2].replace("_", ".")
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"pip=={version}"]
if subprocess.call(pip) != 0:
    print("keeping the bundled pip", file=sys.stderr)
'''


def seed_pip(home: Path) -> None:
    """Put the stand-in where ansible-test looks before it downloads: one file for each pip version it may ask for."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in ("24_2", "25_2"):
        (cache / f"get_pip_{version}.py").write_text(PIP_SEED)


def write_pip_settings(home: Path) -> None:
    """ansible-test hands neither variables nor the person's home on to pip: the settings that pip would have read there
    go into one file."""
    settings = configparser.RawConfigParser()
    settings.read([Path.home() / ".pip" / "pip.conf", Path.home() / ".config" / "pip" / "pip.conf"])
    env = installer_environment()
    options = {
        name[4:].lower().replace("_", "-"): value for name, value in env.items() if name.startswith("PIP_") and value
    }
    proxy = env.get("https_proxy") or env.get("HTTPS_PROXY")
    if proxy:
        options.setdefault("proxy", proxy)
    options.setdefault("cache-dir", str(Path.home() / ".cache" / "pip"))
    settings.read_dict({"global": options})
    path = home / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)  # an index's address may hold a password
    with path.open("w") as file:
        settings.write(file)


def sanity(programs: Path = BIN) -> None:
    """ansible-test on a copy at a real ansible_collections path outside the checkout.

    It refuses links, and in a folder that git ignores it passes with "All targets skipped" for any content.
    """
    home = ROOT / ".cache" / "ansible-test"
    seed_pip(home)
    write_pip_settings(home)
    files = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    ).split("\0")
    with tempfile.TemporaryDirectory(prefix="remote-notebooks-sanity.") as folder:
        copy = Path(folder) / "ansible_collections" / "remote" / "notebooks"
        for name in filter(None, files):
            if (ROOT / name).is_file():  # deleted files are listed until the deletion is committed
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        extra = {"HOME": str(home)}
        if shutil.which(
            "pyenv"
        ):  # its launchers fail for versions that are not selected: name the interpreters themselves
            versions = Path(subprocess.check_output(["pyenv", "root"], text=True).strip()) / "versions"
            extra["PATH"] = os.pathsep.join([str(programs), *map(str, versions.glob("*/bin")), os.environ["PATH"]])
        path = extra.get("PATH", os.environ["PATH"])
        ask = "import sys; print('%d.%d' % sys.version_info[:2])"
        ours = subprocess.check_output([programs / "python", "-c", ask], text=True).strip()
        core = subprocess.check_output([programs / "python", "-c", CORE], text=True).strip()
        imports = [
            ("--test", "import", "--python", version)
            for version in dict.fromkeys((OLDEST_OF_HOSTS.get(core, "3.9"), ours))
            if shutil.which(f"python{version}", path=path)
        ]
        skipped, red = False, False
        for options in (("--skip-test", "import"), *imports):
            try:
                for line in stream(
                    programs / "ansible-test", "sanity", "--local", "--color", "no", *options, cwd=copy, **extra
                ):
                    print(line, end="", flush=True)
                    skipped |= "All targets skipped" in line
            except Red:
                red = True
        if skipped or red:
            raise Red("ansible-test sanity looked at no file" if skipped else "ansible-test")


def is_bare(name: str) -> bool:
    """Tell whether the hosts of a scenario come without an environment."""
    return "lab_prepared: false" in (ROOT / "molecule" / name / "inventory" / "hosts.yml").read_text()


def scenarios() -> list[str]:
    """All of them but the one that stores the environments. Long ones come first, and those that need no environment
    before the others, which wait for it."""
    names = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")} - {prepared.SCENARIO}
    return sorted(names, key=lambda name: (name not in LONG, not is_bare(name), name != "service", name))


def reason(text: str) -> str:
    """The last failure in a log of Ansible with its task, for a table in which nobody scrolls back; those before it are
    some that a scenario provokes. Up to ansible-core 2.18 there is no error above a result, and neither a condition of
    ours (``failed_when``) nor the code of a program has words in any: those of the result stand in."""
    marks = list(re.finditer(r"^(?:\[ERROR\]: |fatal: \[|failed: \[)", text, re.MULTILINE))
    if not marks:
        return ""
    task = list(re.finditer(r"^TASK \[(.*?)\] \*", text[: marks[-1].start()], re.MULTILINE))[-1:]
    rest = text[task[0].end() :] if task else text
    error = re.findall(r"^\[ERROR\]: (.+)", rest, re.MULTILINE)[-1:]
    words = []
    if not error or re.search(r"Action failed|non-zero return code", error[0]):
        block = re.findall(r"^(?:fatal|failed): \[.*=> *\n((?: .*\n|\n)+)", f"{rest}\n", re.MULTILINE)[-1:]
        try:
            values = yaml.safe_load("".join(block)) or {}
            texts = [values.get(key) for key in ("message", "msg", "stdout", "stderr")]
        except (yaml.YAMLError, AttributeError):
            texts = [*block]
        words = [str(value)[-400:] for value in texts if value and str(value) not in "".join(error)]
    return f" ({': '.join([*(each[1] for each in task), *(line[:1600] for line in error), *words])})"


@contextlib.contextmanager
def plain_root() -> Iterator[Path]:
    """The checkout by a name that needs no quoting: scenarios hand their folder to shells in a hundred places."""
    if shlex.quote(str(ROOT)) == str(ROOT):
        yield ROOT
        return
    with tempfile.TemporaryDirectory(prefix="remote-notebooks-checkout.") as folder:
        link = Path(folder) / "checkout"
        link.symlink_to(ROOT)
        yield link


def run_scenario(name: str, logs: Path, runtime: Path, root: Path, tag: str) -> tuple[str, str]:
    """Run one scenario into a log of its own. The log is printed if it fails. Returns its name and the reason of a
    failure, empty if nothing did.

    Its playbooks run in the environment of users: ``runtime``. Its addresses are fixed, so another checkout on this
    machine waits for its turn.
    """
    log = logs / f"{name}.log"
    command = [
        "timeout",
        "--kill-after=30",
        SCENARIO_LIMIT,
        "molecule",
        "--base-config",
        "molecule/config.yml",
        "test",
        "--scenario-name",
        name,
    ]
    folders = {"MOLECULE_PROJECT_DIRECTORY": str(root), "MOLECULE_GLOB": f"{root}/molecule/*/molecule.yml"}
    folders["REMOTE_NOTEBOOKS_PREPARED"] = tag
    extra = environment(runtime, **folders, NO_COLOR="1", MOLECULE_COMMAND_BORDERS="false", PYTHONUNBUFFERED="1")
    with (Path(tempfile.gettempdir()) / f"remote-notebooks-{os.getuid()}-{name}.lock").open("w") as lock, log.open(
        "w"
    ) as output:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = time.monotonic()
        returncode = subprocess.run(
            command, check=False, cwd=ROOT, env=extra, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ).returncode
    text = log.read_text(errors="replace")
    # Molecule only warns when a step has no playbook, but a step that did not run proved nothing. Most scenarios need
    # no prepare.yml.
    missing = re.findall(
        rf"^{re.escape(name)} > (?!prepare|cleanup)(\w+): Executed: Missing playbook", text, re.MULTILINE
    )
    slow = text.count(WITHOUT_UV)
    green = returncode == 0 and not missing and not slow
    with PRINTING:
        print(f"{'ok ' if green else 'RED'} {name} {time.monotonic() - started:.0f} s", flush=True)
        if not green:
            print(
                f"{text}\nRED {name}: exit code {returncode}, steps without a playbook: {missing}, without uv: {slow}",
                flush=True,
            )
    if green:
        return name, ""
    why = reason(text) if returncode else f" (steps without a playbook: {missing}, without uv: {slow})"
    return name, f"{name}{why or f' (exit code {returncode})'}"


def prepare_environments(logs: Path, runtime: Path, root: Path, tag: str) -> str:
    """Store the default environment of this state of the collection as images, if there are none yet. Return the reason
    of a failure, empty if nothing failed."""
    if prepared.exist(tag):
        return ""
    _name, why = run_scenario(prepared.SCENARIO, logs, runtime, root, tag)
    if not why:
        prepared.remove_older(tag)
    return why


def molecule(*names: str) -> None:
    """Scenarios share nothing (own network, own names), so several run at a time."""
    setup()
    unknown = set(names) - {*scenarios(), prepared.SCENARIO}
    if unknown:
        raise Red(f"no scenario {', '.join(sorted(unknown))}; there are: {', '.join(scenarios())}")
    runtime = build_apart("runtime")
    logs = ROOT / ".cache" / "molecule"
    logs.mkdir(parents=True, exist_ok=True)
    announce(f"molecule, {LANES} scenarios at a time, logs in {logs.relative_to(ROOT)}")
    with plain_root() as root, concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        tag = prepared.tag()  # once: somebody may edit while the scenarios run
        # It has the first lane, so that no scenario can wait for it in vain.
        environments = pool.submit(prepare_environments, logs, runtime, root, tag)

        def one(name: str) -> str:
            if not is_bare(name) and environments.result():
                return f"{name} (without the images of {prepared.SCENARIO})"
            series = CORES.get(name, "")
            python = SERIES.get(series, "")
            programs = build_apart(f"core-{series}", python) if series and find_python(python) else runtime
            return run_scenario(name, logs, programs, root, tag)[1]

        results = list(pool.map(one, [name for name in names or scenarios() if name != prepared.SCENARIO]))
    red = [why for why in (environments.result(), *results) if why]
    if red:
        raise Red("; ".join(red))


def check_series(series: str, python: str) -> list[str]:
    """Run unit tests and sanity with a series of ansible-core. Return what is red."""
    programs, red = build_apart(f"core-{series}", python, has_tests=True), []
    path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    try:
        run(programs / "pytest", "tests/unit", "--numprocesses", str(WORKERS), PATH=path)
    except Red:
        red.append(f"{series}: unit tests")
    try:
        sanity(programs)
    except Red:
        red.append(f"{series}: sanity")
    return red


def matrix(*only: str) -> None:
    """Run the daily operations on real hosts with each series of ansible-core, one after another: they have the same
    addresses. Then unit tests and sanity, but for the series of ``.venv``: `make test` does that. A series whose Python
    this machine lacks is named.

    :param only: the series; all of them by default.
    """
    setup()
    logs = ROOT / ".cache" / "matrix"
    red = []
    with plain_root() as root:
        tag = prepared.tag()
        for series, python in {"2.19": "3.11", **SERIES}.items():
            if only and series not in only:
                continue
            if find_python(python) is None:
                red.append(f"{series} (no Python {python} or newer)")
                continue
            programs = build_apart("runtime") if series == "2.19" else build_apart(f"core-{series}", python)
            folder = logs / series
            folder.mkdir(parents=True, exist_ok=True)
            why = prepare_environments(folder, programs, root, tag)
            announce(subprocess.check_output([programs / "ansible", "--version"], text=True).splitlines()[0])
            if not why:
                why = run_scenario(OF_CORES, folder, programs, root, tag)[1]
                text = (folder / f"{OF_CORES}.log").read_text(errors="replace")
                red += [f"{series}: {each}" for each in re.findall(r"(?m)^\[DEPRECATION WARNING\].*", text)]
            red += [f"{series}: {why}"] if why else []
            red += check_series(series, python) if series in SERIES else []
    if red:
        raise Red("; ".join(red))


def pytest() -> str:
    """All of pytest in one go. Returns its summary line, held back so that the table can come before it."""
    last = ""
    try:
        folders = [folder for folder in PYTEST_FOLDERS if (ROOT / folder).is_dir()]
        for line in stream("pytest", *folders, "--durations=5", "--numprocesses", str(WORKERS)):
            print(last, end="", flush=True)
            last = line
    except Red:
        raise Red(last.strip()) from None
    return last.strip()


def bench(*options: str) -> None:
    """Each subject prints its own table; one that got worse does not stop the next. A word names a subject, an option
    goes to all (--record)."""
    setup()
    for name in ("runtime", "bench"):
        build_apart(name)
    subjects = {
        path.stem.removeprefix("bench_"): path for path in sorted((ROOT / "tests" / "benchmarks").glob("bench_*.py"))
    }
    named = [option for option in options if not option.startswith("-")]
    unknown = set(named) - set(subjects)
    if unknown:
        raise Red(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(subjects)}")
    red = []
    for subject in named or subjects:
        try:
            run(sys.executable, subjects[subject], *(option for option in options if option.startswith("-")))
        except Red:
            red.append(subject)
    if "--record" in options:
        run(sys.executable, ROOT / "tests" / "benchmarks" / "publish.py")
    if red:
        raise Red(f"{', '.join(red)}: a line above says what regressed, or failed")


PARTS: dict[str, Callable[[], object]] = {
    "setup": setup,
    "lint": lint,
    "sanity": sanity,
    "molecule": molecule,
    "pytest": pytest,
}
#: The table of the last whole run, for a CI that shows it.
TABLE = ROOT / ".cache" / "seconds.txt"
#: Parts that look at files only. They run beside the scenarios. Their output is shown at their end.
BESIDE = ("lint", "sanity")


def beside(name: str) -> tuple[str, float, str]:
    """Run a part in a process of its own, whose output is shown when it is over. Return its row of the table."""
    started = time.monotonic()
    command = [sys.executable, "-m", "tools.gate", name]
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = done.stdout.decode(errors="replace")
    with PRINTING:
        print(said, end="", flush=True)
    wrong = re.findall(r"^ERROR: .*", said, re.MULTILINE)[1:2]  # the first one counts those that follow
    return name, time.monotonic() - started, " ".join(["RED:", *wrong]) if done.returncode else "ok"


def timed(name: str) -> tuple[tuple[str, float, str], str]:
    """Run a part. Return its row of the table, and its summary."""
    started, verdict, summary = time.monotonic(), "ok", ""
    try:
        summary = str(PARTS[name]() or "")
    except (Red, SystemExit, OSError, subprocess.CalledProcessError) as failure:
        verdict = f"RED: {failure}"
    return (name, time.monotonic() - started, verdict), summary


def everything() -> int:
    """Run every part, then print the table, then pytest's line. The red parts come after it, where nobody overlooks
    them."""
    begin = time.monotonic()
    rows, summary = [timed("setup")[0]], ""
    if rows[0][2] == "ok":  # without hosts the rest says nothing
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            others = pool.submit(lambda: [beside(name) for name in BESIDE])
            row, _nothing = timed("molecule")
        rows += [*others.result(), row]
        row, summary = timed("pytest")
        rows.append(row)
    red = [name for name, _seconds, verdict in rows if verdict != "ok"]
    rows.append(("all", time.monotonic() - begin, ""))
    table = "".join(f"{name:10} {seconds:7.0f}  {verdict}\n" for name, seconds, verdict in rows)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(table)
    print(f"\n=== seconds\n{table}", flush=True)
    if red:
        print(f"make test is red: {', '.join(red)}")
        return 1
    print(summary)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", choices=[*PARTS, "matrix", "bench"])
    parser.add_argument("names", nargs="*", help="scenarios; series of ansible-core; benchmarks and their options")
    arguments, options = parser.parse_known_args()
    if options and arguments.part != "bench":
        parser.error(f"unknown: {' '.join(options)}")
    if arguments.names and arguments.part not in ("molecule", "matrix", "bench"):
        parser.error(f"{arguments.part} is one whole, without {' '.join(arguments.names)}")
    if arguments.part is None:
        return everything()
    try:
        if arguments.part == "molecule":
            molecule(*arguments.names)
        elif arguments.part == "matrix":
            matrix(*arguments.names)
        elif arguments.part == "bench":
            bench(*arguments.names, *options)
        else:
            if arguments.part == "pytest":
                PARTS["setup"]()  # packages and images that its tests need
            print(PARTS[arguments.part]() or "")
    except Red as failure:
        print(f"\nRED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
