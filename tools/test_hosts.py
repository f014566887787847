# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the requirements of the tests beside Python: Debian packages, a running Docker engine, and the images of the
test hosts.

Each step looks first, so a second run costs a few calls. A requirement that is missing and cannot be installed ends in
the one line to type.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "molecule" / "shared" / "image"
PACKAGES = ROOT / "tests" / "debian-packages.txt"
SUITES = ("bookworm", "trixie")
ENGINE = {"docker.io", "docker-cli", "iptables"}
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INSTANCES = 1024
DOCKERD_LOG = Path("/var/log/remote-notebooks-dockerd.log")
MEMORY = Path("/proc/meminfo")
DOCKER_DATA = Path("/var/lib/docker")
#: The hosts write and delete a Jupyter environment again and again. A machine with so much free memory (MiB) has
#: them there: the containers of four scenarios at a time took 7,000.
FREE_MEMORY = 20_000
DATA_IN_MEMORY = Path("/var/lib/remote-notebooks-docker")


def listed(path: Path) -> list[str]:
    """The names in a file of one name a line."""
    return [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def succeeds(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Run a command quietly, or end with the end of its output."""
    words = [str(part) for part in command]
    result = subprocess.run(
        words,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        cure = (
            ""
            if os.geteuid() == 0
            else f"\nWhat an ordinary user may not do here, this does once: sudo {sys.executable} -m tools.test_hosts"
        )
        sys.exit(f"{' '.join(words)} failed:\n{result.stdout[-3000:]}{cure}")


def is_debian() -> bool:
    return shutil.which("apt-get") is not None and shutil.which("dpkg-query") is not None


def missing_packages() -> list[str]:
    """Return the listed packages that are not installed. A name that ends in ``?`` counts only if the release has such
    a package."""
    names = {line.rstrip("?"): line.endswith("?") for line in listed(PACKAGES)}
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\n", *names],
        check=False,
        capture_output=True,
        text=True,
    )
    installed = {line[3:].strip() for line in query.stdout.splitlines() if line.startswith("ii")}
    if succeeds("docker", "info"):
        installed |= ENGINE  # one from elsewhere (docker-ce, rootless, remote) serves as well
    return [
        name
        for name, optional in names.items()
        if name not in installed and not (optional and not succeeds("apt-cache", "show", name))
    ]


def ensure_packages() -> None:
    """Install the missing ones as root on Debian or Ubuntu; else name them."""
    if not is_debian():
        missing = [tool for tool in ("docker", "ssh", "openssl", "tmux") if shutil.which(tool) is None]
        if missing:
            sys.exit(
                f"The tests need these commands; install them with this system's package manager: {' '.join(missing)}"
            )
        return
    missing = missing_packages()
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(
            f"The tests need packages that only root can install. Type: sudo apt-get install -y {' '.join(missing)}"
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", env=env)
    missing = missing_packages()  # once more: before the update apt may not have known any name
    print(f"Installing {' '.join(missing)}", flush=True)
    run("apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing, env=env)
    if "openssh-server" in missing and Path("/run/systemd/system").is_dir():
        print("Turning the SSH service off again: the tests start sshd themselves", flush=True)
        run("systemctl", "disable", "--quiet", "--now", "ssh.service")


def place_data() -> list[str]:
    """Return dockerd's option for the place of its data: none on a machine that has used Docker before."""
    if DATA_IN_MEMORY.is_mount():
        return [f"--data-root={DATA_IN_MEMORY}"]
    free = re.search(r"^MemAvailable: +(\d+) kB$", MEMORY.read_text(), re.MULTILINE)
    used = DOCKER_DATA.is_dir() and any(DOCKER_DATA.iterdir())
    if used or not free or int(free[1]) // 1024 < FREE_MEMORY:
        return []
    DATA_IN_MEMORY.mkdir(mode=0o710, exist_ok=True)
    if not succeeds("mount", "-t", "tmpfs", "-o", "size=70%,mode=0710", "tmpfs", str(DATA_IN_MEMORY)):
        return []
    print(
        f"The engine's data are in memory, until somebody ends dockerd and types: umount {DATA_IN_MEMORY}", flush=True
    )
    return [f"--data-root={DATA_IN_MEMORY}"]


def ensure_engine() -> None:
    """Start Docker's daemon where none answers: through systemd, or by itself where systemd is not PID 1."""
    if succeeds("docker", "info"):
        return
    if os.geteuid() != 0:
        sys.exit(
            'No Docker engine answers. Type: sudo systemctl start docker && sudo usermod -aG docker "$USER" (then log'
            " in again)"
        )
    if shutil.which("dockerd") is None:
        sys.exit("No Docker engine answers and none is installed: install one for this system and start it")
    if Path("/run/systemd/system").is_dir():
        print("Starting the Docker engine: systemctl start docker", flush=True)
        run("systemctl", "start", "docker")
    else:
        print(f"Starting the Docker engine: dockerd (it stays; log in {DOCKERD_LOG})", flush=True)
        command = ["dockerd", *place_data()]
        with DOCKERD_LOG.open("ab") as log:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if succeeds("docker", "info"):
            return
        time.sleep(1)
    tail = (
        "\n".join(DOCKERD_LOG.read_text(errors="replace").splitlines()[-15:])
        if DOCKERD_LOG.is_file()
        else "journalctl -u docker says why"
    )
    sys.exit(f"The Docker engine did not answer within 60 s:\n{tail}")


def ensure_watches() -> None:
    """Let as many systemds run as there are test hosts: each takes a few of root's inotify instances, of which a kernel
    grants 128 (inotify(7))."""
    if int(INOTIFY.read_text()) >= INSTANCES:
        return
    try:
        INOTIFY.write_text(f"{INSTANCES}\n")
    except OSError:
        print(
            f"Test hosts may hang in their boot: sudo sysctl -w fs.inotify.max_user_instances={INSTANCES} lets more of"
            " them run",
            flush=True,
        )
        return
    print(f"Raised fs.inotify.max_user_instances to {INSTANCES} until the next boot: test hosts share it", flush=True)


def recipe_digest() -> str:
    files = (RECIPE / "packages.txt", RECIPE / "finish.sh", Path(__file__))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def image_name(suite: str) -> str:
    return f"remote-notebooks-test:{suite}"


def hook(script: Path) -> str:
    """Return the command that mmdebstrap runs in a shell, with the new root as its first argument. A checkout's folder
    may have any name."""
    return f'{shlex.quote(str(script))} "$1"'


def build_from_packages(suite: str, digest: str) -> None:
    """A root file system out of Debian's packages: no image registry is asked for anything."""
    with tempfile.TemporaryDirectory(prefix="remote-notebooks-image.") as folder:
        tar = Path(folder) / "root.tar"
        include = ",".join(listed(RECIPE / "packages.txt"))
        run(
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--skip=cleanup/apt/lists",  # as on a server: each of fifty hosts would take 3 s of a core to read them
            f"--include={include}",
            f"--customize-hook={hook(RECIPE / 'finish.sh')}",
            suite,
            tar,
        )
        run("docker", "import", "-c", 'CMD ["/sbin/init"]', "-c", f"LABEL recipe={digest}", tar, image_name(suite))


def build_from_registry(suite: str, digest: str) -> None:
    """The same on a system without mmdebstrap, on top of Debian's image: needs a registry that the engine reaches."""
    dockerfile = f"""
        FROM debian:{suite}-slim
        COPY packages.txt finish.sh /recipe/
        ENV DEBIAN_FRONTEND=noninteractive
        RUN apt-get update \\
            && apt-get install -y --no-install-recommends $(grep -v '^#' /recipe/packages.txt) \\
            && sh /recipe/finish.sh / && rm -rf /recipe
        CMD ["/sbin/init"]
        LABEL recipe={digest}
    """
    with tempfile.NamedTemporaryFile("w", prefix="remote-notebooks-dockerfile.") as file:
        file.write(textwrap.dedent(dockerfile))
        file.flush()
        run("docker", "build", "--quiet", "--tag", image_name(suite), "--file", file.name, RECIPE)


def build_image(suite: str, digest: str) -> str:
    """Create one image and say how long it took."""
    started = time.monotonic()
    from_packages = shutil.which("mmdebstrap") is not None
    (build_from_packages if from_packages else build_from_registry)(suite, digest)
    source = "Debian's packages" if from_packages else "Debian's image"
    return f"Built the test image {image_name(suite)} from {source} in {time.monotonic() - started:.0f} s"


def ensure_images() -> None:
    """Create images that are missing or older than their recipe, both suites at once."""
    digest = recipe_digest()
    query = ["docker", "image", "inspect", "-f", "{{ .Config.Labels.recipe }}"]

    def is_current(suite: str) -> bool:
        return (
            subprocess.run([*query, image_name(suite)], check=False, capture_output=True, text=True).stdout.strip()
            == digest
        )

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for message in pool.map(
            lambda suite: build_image(suite, digest), [suite for suite in SUITES if not is_current(suite)]
        ):
            print(message, flush=True)


def main() -> None:
    ensure_packages()
    ensure_engine()
    ensure_watches()
    ensure_images()


if __name__ == "__main__":
    main()
