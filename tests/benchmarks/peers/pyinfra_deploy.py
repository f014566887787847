# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""idiomatic.yml in pyinfra's words, operation by operation, on the same paths: a host that satisfies the one satisfies
the other."""

import re
from io import StringIO
from pathlib import Path

from pyinfra import config, host
from pyinfra.operations import apt, files, pip, server, systemd

config.SUDO = True

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parents[2] / "roles" / "jupyter" / "files"
ENVIRONMENT = "/opt/peer/envs/lab"
FOLDERS = [
    ("/opt/peer", "root", "root", "755"),
    ("/opt/peer/libexec", "root", "root", "755"),
    ("/opt/peer/envs", "root", "root", "755"),
    ("/opt/peer/current", "root", "root", "755"),
    ("/etc/peer", "root", "root", "755"),
    ("/etc/peer/lab", "root", "peer", "750"),
    ("/home/peer/notebooks", "peer", "peer", "755"),
    ("/etc/systemd/system/peer@lab.service.d", "root", "root", "755"),
]

apt.packages(name="Packages of the system", packages=["python3-venv", "python3-packaging"], cache_time=86400)
server.user(name="Account", user="peer", system=True, create_home=True, home="/home/peer", shell="/usr/sbin/nologin")
for path, owner, group, mode in FOLDERS:
    files.directory(name=f"Folder {path}", path=path, user=owner, group=group, mode=mode)
for script in ("check_config.py", "seal_environment.py", "wait_ready.py"):
    files.put(
        name=f"Script {script}",
        src=str(SCRIPTS / script),
        dest=f"/opt/peer/libexec/{script}",
        user="root",
        group="root",
        mode="755",
    )
pip.venv(name="Environment", path=ENVIRONMENT)
# Names alone: with version specifiers pyinfra 3.10 installs at every run.
names = [re.split("[<>=]", package)[0] for package in host.data.packages]
pip.packages(name="Packages", packages=names, virtualenv=ENVIRONMENT, _env=host.data.pip)
files.link(name="Link", path="/opt/peer/current/lab", target=ENVIRONMENT)
changes = [
    files.put(
        name="Hash",
        src=StringIO(f"{host.data.password_hash}\n"),
        dest="/etc/peer/lab/hashed_password",
        user="root",
        group="peer",
        mode="640",
    ),
    files.template(
        name="Configuration",
        src=str(HERE / "templates" / "config.py.j2"),
        dest="/etc/peer/lab/jupyter_server_config.py",
        user="root",
        group="peer",
        mode="640",
    ),
    *(
        files.template(
            name=f"Unit {source}",
            src=str(HERE / "templates" / source),
            dest=target,
            user="root",
            group="root",
            mode="644",
        )
        for source, target in (
            ("unit.j2", "/etc/systemd/system/peer@.service"),
            ("instance.j2", "/etc/systemd/system/peer@lab.service.d/instance.conf"),
        )
    ),
]
systemd.service(name="Service", service="peer@lab.service", running=True, enabled=True)
systemd.service(
    name="Restart",
    service="peer@lab.service",
    restarted=True,
    daemon_reload=True,
    _if=lambda: any(change.did_change() for change in changes),
)
