# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The effects of a real Jupyter Server on a client: let it in, refuse it, lose its kernel."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import PASSWORD, TOKEN, JupyterMaker, install, wait_for

WHOLE_WAY = ["name", "port", "api", "login", "kernel", "websocket", "result", "cleanup"]


@pytest.mark.parametrize(
    "credential", [{"password": PASSWORD}, {"token": TOKEN}], ids=["with the password", "with the token"]
)
def test_a_cell_runs(check, jupyter, credential):
    seen = check(f"http://127.0.0.1:{jupyter.port}/", **credential)
    assert (seen["verdict"], seen["cause"], seen["result"]) == ("reachable", "ok", "42")
    assert seen["checks"] == WHOLE_WAY
    assert seen["server_version"].startswith("2.")
    assert seen["changed"] is False
    assert seen["certificate"] is None
    assert jupyter.kernels_left == 0


def test_what_somebody_tries_in_this_environment_stays_in_it(jupyter_python):
    """A file shared with uv's cache, once broken by hand, would be broken in the environment of each run to come."""
    files = [path for path in jupyter_python.parent.parent.rglob("*.py") if not path.is_symlink()]
    assert len(files) > 1000
    assert [path for path in files if path.stat().st_nlink > 1] == []


def test_files_may_hold_the_secrets_and_end_in_a_newline(check, jupyter, tmp_path):
    for name, secret in (("password", PASSWORD), ("token", TOKEN)):
        (tmp_path / name).write_text(f"{secret}\n")
        assert check(f"http://127.0.0.1:{jupyter.port}/", **{f"{name}_file": str(tmp_path / name)})["cause"] == "ok"


def test_proxies_of_the_environment_are_not_used(check, jupyter):
    check.environment.update(
        http_proxy="http://192.0.2.1:3128", HTTP_PROXY="http://192.0.2.1:3128", ALL_PROXY="socks5://192.0.2.1:1080"
    )
    assert check(f"http://127.0.0.1:{jupyter.port}/", password=PASSWORD)["cause"] == "ok"


def test_without_a_credential_the_server_is_reached_and_no_more_is_claimed(check, jupyter):
    seen = check(f"http://127.0.0.1:{jupyter.port}/")
    assert (seen["verdict"], seen["cause"], seen["checks"]) == ("reachable", "no_credentials", ["name", "port", "api"])
    assert seen["result"] is None


@pytest.mark.parametrize("credential", ["password", "token"])
def test_a_wrong_credential(check, jupyter, tmp_path, credential):
    (tmp_path / "secret").write_text("not it\n")
    seen = check(f"http://127.0.0.1:{jupyter.port}/", **{f"{credential}_file": str(tmp_path / "secret")})
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "login_refused")
    assert seen["message"] == f"Jupyter at 127.0.0.1:{jupyter.port} refuses the {credential}."
    assert str(tmp_path / "secret") in seen["cure"]
    assert "not it" not in json.dumps(seen)


@pytest.mark.parametrize(
    ("code", "expect", "result"),
    [
        pytest.param("print('a'); print('b')", "a\nb", "a\nb", id="printed text"),
        pytest.param("x = 1\nx + 1", "2", "2", id="several lines"),
        pytest.param("'ü' * 3", "'üüü'", "'üüü'", id="text beyond ASCII"),
        pytest.param("len('x' * 10**6)", "", "1000000", id="anything goes with an empty expect"),
        pytest.param("import sys; print('w', file=sys.stderr); 6*7", "42", "42", id="warnings are not the result"),
    ],
)
def test_other_code(check, jupyter, code, expect, result):
    seen = check(f"http://127.0.0.1:{jupyter.port}/", token=TOKEN, code=code, expect=expect)
    assert (seen["cause"], seen["result"]) == ("ok", result)


@pytest.mark.parametrize(
    ("arguments", "cause", "words"),
    [
        pytest.param({"code": "1/0"}, "code_failed", "ZeroDivisionError: division by zero", id="the code fails"),
        pytest.param({"expect": "43"}, "wrong_result", "42 instead of 43", id="another result"),
        pytest.param({"code": "import os; os._exit(1)"}, "kernel_died", "its process ended", id="the kernel dies"),
        pytest.param(
            {"code": "import time; time.sleep(60)", "timeout": 5},
            "no_result",
            "no result within 5 s",
            id="the code does not end",
        ),
    ],
)
def test_the_kernel_disappoints(check, jupyter, arguments, cause, words):
    seen = check(f"http://127.0.0.1:{jupyter.port}/", token=TOKEN, **arguments)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", cause)
    assert words in seen["message"]
    assert seen["checks"][-1] == "cleanup"
    assert "warnings" not in seen
    wait_for(lambda: jupyter.kernels_left == 0, "end of the kernel", 5)


BROKEN_KERNELS = {
    "its program is missing": ["/none/python", "-f", "{connection_file}"],
    "it ends at once": ["/bin/false", "{connection_file}"],
    "it never answers": ["/bin/sleep", "60"],
}


@pytest.mark.parametrize("argv", BROKEN_KERNELS.values(), ids=BROKEN_KERNELS)
def test_the_kernel_does_not_start(check, broken_kernel_server, argv):
    spec = broken_kernel_server.folder / "data/kernels/broken/kernel.json"
    spec.parent.mkdir(parents=True, exist_ok=True)
    spec.write_text(json.dumps({"argv": argv, "display_name": "broken", "language": "python"}))
    seen = check(f"http://127.0.0.1:{broken_kernel_server.port}/", password=PASSWORD, timeout=4)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "kernel_not_started")
    assert "login" in seen["checks"]
    assert "result" not in seen["checks"]
    assert seen["wall"] < 12


@pytest.fixture(scope="module")
def broken_kernel_server(make_jupyter):
    return make_jupyter("c.MultiKernelManager.default_kernel_name = 'broken'")


REFUSALS = {
    # A browser keeps a secure cookie to itself on plain HTTP: the effect of a TLS-ending proxy's settings on a server
    # without one.
    "xsrf": "c.ServerApp.tornado_settings = {'xsrf_cookie_kwargs': {'secure': True}}",
    "cookie_lost": "c.IdentityProvider.cookie_options = {'secure': True}",
    "websocket_refused": (
        "from jupyter_server.auth import Authorizer\n"
        "class ReadOnly(Authorizer):\n"
        "    def is_authorized(self, handler, user, action, resource):\n"
        "        return action != 'execute'\n"
        "c.ServerApp.authorizer_class = ReadOnly\n"
    ),
    "server_error": "c.PasswordIdentityProvider.hashed_password = 'argon2:broken'",
    "wrong_base_url": "c.ServerApp.base_url = '/team/lab'",
}


@pytest.fixture(scope="module")
def refusing(make_jupyter):
    servers = {cause: make_jupyter(extra, wait=False) for cause, extra in REFUSALS.items()}
    for server in servers.values():
        make_jupyter.ready(server)
    return servers


@pytest.mark.parametrize("cause", REFUSALS)
def test_the_server_refuses(check, refusing, cause):
    server = refusing[cause]
    seen = check(f"http://127.0.0.1:{server.port}/", password=PASSWORD)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", cause)
    assert server.kernels_left == 0


def test_the_path_to_write_is_found(check, refusing):
    server = refusing["wrong_base_url"]
    seen = check(f"http://127.0.0.1:{server.port}/elsewhere", password=PASSWORD)
    assert (
        seen["message"]
        == f"Jupyter does not answer under the path /elsewhere at 127.0.0.1:{server.port}: it is at /team/lab."
    )
    assert check(f"http://127.0.0.1:{server.port}/team/lab", password=PASSWORD)["checks"] == WHOLE_WAY


def test_a_server_open_to_all_is_named_as_such(check, make_jupyter):
    server = make_jupyter(password=False)
    for credential in ({}, {"password": PASSWORD}):
        seen = check(f"http://127.0.0.1:{server.port}/", **credential)
        assert (seen["verdict"], seen["cause"], seen["result"]) == ("reachable", "open_to_all", "42")
        assert server.kernels_left == 0


@pytest.fixture(scope="module")
def beside_notebook_7(tmp_path_factory):
    """A server with the classic pages and Notebook 7, without JupyterLab, which the pages of Notebook 7 need: the
    scenario browser has them."""
    folder = tmp_path_factory.mktemp("notebook7")
    python = install(folder, "nbclassic>=1.3,<2", "jupyter_server>=2.21,<3", "ipykernel")
    install(folder, "notebook>=7.5,<8", options=["--no-deps"])
    maker = JupyterMaker(python, tmp_path_factory)
    yield maker(f"c.IdentityProvider.token = {TOKEN!r}")
    maker.stop()


@pytest.mark.parametrize("credential", [{"password": PASSWORD}, {"token": TOKEN}], ids=["password", "token"])
def test_the_classic_pages_are_opened_where_the_hand_off_says(check, beside_notebook_7, credential):
    url = f"http://127.0.0.1:{beside_notebook_7.port}/"
    seen = check(url, classic="nbclassic/tree", **credential)
    assert (seen["cause"], seen["checks"]) == ("ok", [*WHOLE_WAY[:4], "classic", *WHOLE_WAY[4:]])

    seen = check(url, classic="tree", **credential)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "not_classic")
    assert seen["message"] == f"The classic pages that Juno opens are not at {url}tree: they are at /nbclassic/tree."
    assert beside_notebook_7.kernels_left == 0


def test_a_server_without_the_classic_pages_is_named(check, jupyter):
    url = f"http://127.0.0.1:{jupyter.port}/"
    seen = check(url, token=TOKEN, classic="tree")
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "not_classic")
    assert seen["message"] == f"The classic pages that Juno opens are not at {url}tree: HTTP 404 is the answer."


def test_https_to_a_plain_http_server(check, jupyter):
    seen = check(f"https://127.0.0.1:{jupyter.port}/", password=PASSWORD)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "server_speaks_plain_http")
    assert seen["seconds"] < 5


def test_called_off_in_the_middle_it_still_cleans_up(check, jupyter):
    command = check.command(f"http://127.0.0.1:{jupyter.port}/", password=PASSWORD, code="import time; time.sleep(60)")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: jupyter.kernels_left == 1, "kernel")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) != 0
    wait_for(lambda: jupyter.kernels_left == 0, "end of the kernel", 5)


@pytest.fixture(scope="module")
def slow_to_answer(make_jupyter):
    """A server whose kernels run three seconds before it says so."""
    return make_jupyter(
        "import asyncio\n"
        "from jupyter_server.services.sessions.sessionmanager import SessionManager\n"
        "class Slow(SessionManager):\n"
        "    async def start_kernel_for_session(self, *args, **options):\n"
        "        kernel = await super().start_kernel_for_session(*args, **options)\n"
        "        await asyncio.sleep(3)\n"
        "        return kernel\n"
        "c.ServerApp.session_manager_class = Slow\n"
    )


def test_called_off_before_it_heard_of_its_kernel_it_still_cleans_up(check, slow_to_answer):
    command = check.command(f"http://127.0.0.1:{slow_to_answer.port}/", password=PASSWORD)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: slow_to_answer.kernels_left == 1, "kernel")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) != 0
    wait_for(lambda: slow_to_answer.kernels_left == 0, "end of the kernel", 5)


def test_a_kernel_that_comes_too_late_is_not_left_behind(check, slow_to_answer):
    seen = check(f"http://127.0.0.1:{slow_to_answer.port}/", password=PASSWORD, timeout=2)
    assert (seen["cause"], seen["checks"][-1]) == ("kernel_not_started", "cleanup")
    wait_for(lambda: slow_to_answer.kernels_left == 0, "end of the kernel", 5)


def test_the_password_stays_out_of_arguments_and_logs(check, jupyter, tmp_path):
    """Looked for while the check runs: in every process's arguments and environment, and afterwards in the server's
    log."""
    (tmp_path / "password").write_text(PASSWORD)
    command = check.command(
        f"http://127.0.0.1:{jupyter.port}/",
        password_file=str(tmp_path / "password"),
        code="import time; time.sleep(2); 42",
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        wait_for(lambda: jupyter.kernels_left == 1, "kernel")
        time.sleep(0.2)
        looked_at = 0
        for folder in Path("/proc").glob("[0-9]*"):
            if int(folder.name) == os.getpid():
                continue
            for name in ("cmdline", "environ"):
                try:
                    content = (folder / name).read_bytes()
                except OSError:  # it ended meanwhile
                    continue
                looked_at += 1
                assert PASSWORD.encode() not in content, folder
        output = process.communicate()[0].decode()
    assert looked_at > 4
    assert json.loads(output)["cause"] == "ok"
    assert PASSWORD not in output
    assert PASSWORD not in jupyter.log
    assert TOKEN not in jupyter.log
