# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.modules import jupyter_migrate
from ansible_collections.remote.notebooks.plugins.plugin_utils._migration import tables
from ansible_collections.remote.notebooks.plugins.plugin_utils._migration.convert import convert

CLASSIC = "~/.jupyter/jupyter_notebook_config.py"
CLASSIC_JSON = "~/.jupyter/jupyter_notebook_config.json"
SERVER = "~/.jupyter/jupyter_server_config.py"
SERVER_JSON = "~/.jupyter/jupyter_server_config.json"
HASH = "sha1:67c9e60bb8b6:9ffede0825894254b2e042ea597d771089e11aed"


@pytest.mark.parametrize(
    ("files", "variables"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({CLASSIC: "c = get_config()\n# c.NotebookApp.port = 1\n"}, {}, id="what is commented out"),
        pytest.param({CLASSIC: "c.NotebookApp.port = 9999"}, {"jupyter_port": 9999}, id="the port"),
        pytest.param(
            {CLASSIC: "c.NotebookApp.notebook_dir = '/srv/nb'"}, {"jupyter_root_dir": "/srv/nb"}, id="the folder"
        ),
        pytest.param(
            {SERVER: "c.ServerApp.root_dir = '/srv/nb'"},
            {"jupyter_root_dir": "/srv/nb"},
            id="the folder by its new name",
        ),
        pytest.param(
            {CLASSIC: f"c.NotebookApp.password = u'{HASH}'"},
            {"jupyter_password_hash": HASH},
            id="the hash, word for word",
        ),
        pytest.param(
            {
                CLASSIC: "c.NotebookApp.password = 'sha1:old:1'",
                CLASSIC_JSON: f'{{"NotebookApp": {{"password": "{HASH}"}}}}',
            },
            {"jupyter_password_hash": HASH},
            id="JSON beats Python",
        ),
        pytest.param(
            {CLASSIC_JSON: '{"NotebookApp": {"port": 1}}', SERVER: "c.ServerApp.port = 9999"},
            {"jupyter_port": 9999},
            id="new beats old",
        ),
        pytest.param(
            {SERVER_JSON: f'{{"IdentityProvider": {{"hashed_password": "{HASH}"}}}}'},
            {"jupyter_password_hash": HASH},
            id="what `jupyter server password` wrote",
        ),
        pytest.param({CLASSIC: "c.NotebookApp.token = ''"}, {}, id="an empty token is none"),
        pytest.param({CLASSIC: "c.NotebookApp.token = 't'"}, {"jupyter_token": "t"}, id="a token"),
        pytest.param({CLASSIC: "c.NotebookApp.ip = '127.0.0.1'"}, {"jupyter_access": "tunnel"}, id="the loopback"),
        pytest.param({CLASSIC: "c.NotebookApp.ip = '*'"}, {"jupyter_access": "direct"}, id="the network"),
        pytest.param(
            {CLASSIC: "c.NotebookApp.ip = '192.0.2.10'"},
            {"jupyter_access": "direct", "jupyter_bind_address": "192.0.2.10"},
            id="one address",
        ),
        pytest.param(
            {CLASSIC: "c.NotebookApp.ip = ''\nc.NotebookApp.certfile = '/c.pem'\nc.NotebookApp.keyfile = '/c.key'"},
            {"jupyter_access": "direct"},
            id="TLS",
        ),
        pytest.param(
            {
                CLASSIC: (
                    "c.NotebookApp.iopub_data_rate_limit = 1e9\nc.NotebookApp.max_body_size ="
                    " 5\nc.MappingKernelManager.cull_idle_timeout = 60"
                )
            },
            {
                "jupyter_settings": {
                    "ZMQChannelsWebsocketConnection": {"iopub_data_rate_limit": 1e9},
                    "ServerApp": {"max_body_size": 5},
                    "MappingKernelManager": {"cull_idle_timeout": 60},
                }
            },
            id="settings by their new names",
        ),
        pytest.param(
            {CLASSIC: "c.NotebookApp.open_browser = False\nc.NotebookApp.allow_root = True"},
            {},
            id="what the role decides",
        ),
        pytest.param({CLASSIC: "c.NotebookApp.webapp_settings = {}"}, {}, id="what is gone"),
        pytest.param({CLASSIC: "import os\nc.NotebookApp.port = int(os.environ['P'])"}, {}, id="what is computed"),
    ],
)
def test_conversion(files, variables):
    assert convert(files)["variables"] == variables


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("c.NotebookApp.webapp_settings = {}", "NotebookApp.webapp_settings has no counterpart", id="gone"),
        pytest.param(
            "c.NotebookApp.port = port()",
            "line 1: NotebookApp.port is computed there. Write jupyter_port by hand.",
            id="computed",
        ),
        pytest.param("c.NotebookApp.ip = '*'", "without TLS", id="plain HTTP on the network"),
        pytest.param(
            "c.NotebookApp.ip = '*'\nc.NotebookApp.certfile = '/c.pem'",
            "copy them to the control node",
            id="a certificate on the host",
        ),
    ],
)
def test_what_a_person_has_to_know(text, words):
    assert any(words in remark for remark in convert({CLASSIC: text})["remarks"])


@pytest.mark.parametrize(("path", "text"), [(CLASSIC, "c.NotebookApp.port = ("), (CLASSIC_JSON, "{")])
def test_a_file_that_cannot_be_read_is_named(path, text):
    with pytest.raises(PlanError, match="cannot be read"):
        convert({path: text})


@pytest.mark.parametrize(
    ("account", "variables", "remark"),
    [
        pytest.param(
            "ann", {"jupyter_port": 9999, "jupyter_user": "ann"}, "", id="the server runs as who has the notebooks"
        ),
        pytest.param("root", {"jupyter_port": 9999}, "Jupyter never runs as root here", id="root"),
        pytest.param("", {"jupyter_port": 9999}, "", id="nobody in particular"),
    ],
)
def test_whose_they_are(account, variables, remark):
    found = convert({CLASSIC: "c.NotebookApp.port = 9999"}, account)
    assert found["variables"] == variables
    assert remark in " ".join(found["remarks"])


def test_each_option_of_json_has_its_line():
    text = (
        '{\n  "NotebookApp": {\n    "port": 9999,\n    "open_browser": false,\n    "quit": NaN\n  },\n  "Other": 5,\n '
        ' "version": 1\n}'
    )
    assert convert({CLASSIC_JSON: text}) == {
        "variables": {"jupyter_port": 9999},
        "remarks": [
            f"{CLASSIC_JSON}, line 7: what is called 'Other' is no class with options.",
            f"{CLASSIC_JSON}, line 4: NotebookApp.open_browser is left out: a server opens no browser.",
            (
                f"{CLASSIC_JSON}, line 5: NotebookApp.quit holds there what no variable can. "
                "Write it by hand, as jupyter_settings: {ServerApp: {quit: ...}}"
            ),
        ],
    }


def test_what_another_file_says_differently_is_named():
    assert convert({SERVER_JSON: '{"ServerApp": {"port": 1025}}', CLASSIC: "c.NotebookApp.port = 9999"})["remarks"] == [
        f"{CLASSIC}, line 1: NotebookApp.port is left out: {SERVER_JSON}, line 1 wins."
    ]


#: Programs that ask for more than there is. Each says something about A.b; none may take long, or much.
ENDLESS = {
    "a power": "c.A.b = 2**10**10",
    "a power of a power of a fraction": "c.A.b = 9.9**99**9",
    "a shift": "c.A.b = 1 << 10**10",
    "a long text": "x = 'a' * 10**10\nc.A.b = x",
    "a width": "c.A.b = '%1000000000d' % 1",
    "a width in an f-string": "c.A.b = f'{1:1000000000}'",
    "a number of a million digits": "c.A.b = 0x" + "f" * 800_000,
    "a list that doubles": "x = ['a']\nfor i in range(90):\n    x = x + x\nc.A.b = x",
    "a list of lists": "x = []\nfor i in range(90):\n    x = [x, x]\nc.A.b = x",
    "a list in itself": "x = []\nx.append(x)\nc.A.b = x",
    "a key of keys": "x = ()\nfor i in range(90):\n    x = (x, x)\nc.A.b = {x: 1}",
    "a loop without end": "while True:\n    c.A.b = x()",
    "loops in loops": (
        "for i in range(20000):\n    for j in range(20000):\n        for k in range(20000):\n            c.A.b ="
        " [i]\nc.A.b = x()"
    ),
    "a function that calls itself": "def f(n):\n    f(n)\n    f(n)\n    c.A.b = x()\nf(1)",
    "one that calls the others": (
        "".join(f"def f{i}():\n    f{i + 1}()\n    f{i + 1}()\n" for i in range(30)) + "f0()\nc.A.b = x()"
    ),
    "doubts about everything": (
        "c.A.b = 1\n" + "".join(f"c.A.x{i} = 1\n" for i in range(5000)) + "load_subconfig('x')\n" * 5000
    ),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ENDLESS.items()])
def test_a_program_without_end_is_followed_as_far_as_makes_sense(text):
    program = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.config_file import read\n"
        "print(read(sys.stdin.read(), 'x.py').options['A.b'].why)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param(b"\xef\xbb\xbfc.NotebookApp.notebook_dir = '/srv/\xc3\x9c'", "/srv/Ü", id="a byte order mark"),
        pytest.param(b"# -*- coding: latin-1 -*-\nc.NotebookApp.notebook_dir = '/srv/\xdc'", "/srv/Ü", id="latin-1"),
        pytest.param(b"c.NotebookApp.notebook_dir = '/srv/\xdc'", None, id="neither"),
    ],
)
def test_the_encoding_is_that_of_python(tmp_path, data, text):
    (tmp_path / "jupyter_notebook_config.py").write_bytes(data)
    answer = ask(tmp_path)
    if text is None:
        assert "jupyter_notebook_config.py: it is no text in the encoding that it should have" in answer["msg"]
    else:
        assert convert({CLASSIC: answer["texts"]["jupyter_notebook_config.py"]})["variables"] == {
            "jupyter_root_dir": text
        }
        assert answer["account"] == pwd.getpwuid(os.getuid()).pw_name


def ask(folder):
    command = [sys.executable, "-m", "ansible_collections.remote.notebooks.plugins.modules.jupyter_migrate"]
    given = {"ANSIBLE_MODULE_ARGS": {"folder": str(folder), "variables_file": "/nowhere"}}
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False, timeout=90)
    return json.loads(done.stdout)


def test_the_host_knows_the_files_by_the_same_names(tmp_path):
    assert jupyter_migrate.FILES == tables.FILES
    assert ask(tmp_path / "nowhere")["texts"] == {}
    (tmp_path / "jupyter_config.json").write_text("{}")
    assert ask(tmp_path)["texts"] == {"jupyter_config.json": "{}"}


@pytest.mark.parametrize("what", ["pipe", "device", "endless"])
def test_a_file_that_is_none_is_named_and_not_waited_for(tmp_path, what):
    path = tmp_path / "jupyter_config.json"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    assert ask(tmp_path)["msg"].startswith(f"What is in {tmp_path} cannot be read: jupyter_config.json: it ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could read for an account what that may not")
def test_a_link_leads_no_further_than_the_account_gets():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        here = Path(name)
        here.chmod(0o755)
        (here / "secret").write_text("{}")
        (here / "secret").chmod(0o600)
        (here / "own").mkdir()
        (here / "own/jupyter_config.json").symlink_to(here / "secret")
        os.chown(here / "own", 65534, 65534)
        assert "Permission denied" in ask(here / "own")["msg"]
