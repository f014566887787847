# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a Jupyter configuration that somebody wrote by hand to the variables of the role. Pure: no I/O, no Ansible;
nothing of the file is executed.

Each option that a file sets becomes a variable, or a remark with its line.

The names are those of Notebook 6 (``NotebookApp``), Jupyter Server 1 (``ServerApp``) and 2 (identity providers); see
https://jupyter-server.readthedocs.io/en/latest/operators/migrate-from-nbserver.html and the traits of both classes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ...module_utils._errors import PlanError
from ...module_utils._jupyter.config_file import LONGEST_NAME, Reading, read
from .password import is_hash
from .plan import SERVICE_ACCOUNT

#: The files of a classic setup, in the order in which the first that says an option wins: JSON before Python, new
#: names before old.
FILES = tuple(
    f"jupyter_{kind}config.{ending}" for kind in ("server_", "", "lab_", "notebook_") for ending in ("json", "py")
)

#: A class and a trait of it, as Python names things.
_OPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*")

#: Options whose value becomes a variable as it is.
VARIABLES = {
    "ServerApp.port": "jupyter_port",
    "ServerApp.root_dir": "jupyter_root_dir",
    "ServerApp.base_url": "jupyter_base_url",
    "PasswordIdentityProvider.hashed_password": "jupyter_password_hash",
    "IdentityProvider.token": "jupyter_token",
}
#: Old name to new name; any other NotebookApp.x became ServerApp.x.
RENAMED = {
    "notebook_dir": "ServerApp.root_dir",
    "password": "PasswordIdentityProvider.hashed_password",
    "token": "IdentityProvider.token",
    "password_required": "PasswordIdentityProvider.password_required",
    "allow_password_change": "PasswordIdentityProvider.allow_password_change",
    "cookie_options": "IdentityProvider.cookie_options",
    "get_secure_cookie_kwargs": "IdentityProvider.get_secure_cookie_kwargs",
    "iopub_data_rate_limit": "ZMQChannelsWebsocketConnection.iopub_data_rate_limit",
    "iopub_msg_rate_limit": "ZMQChannelsWebsocketConnection.iopub_msg_rate_limit",
    "rate_limit_window": "ZMQChannelsWebsocketConnection.rate_limit_window",
    "nbserver_extensions": "ServerApp.jpserver_extensions",
}
#: NotebookApp options without a counterpart.
GONE = (
    "webapp_settings",
    "server_extensions",
    "base_project_url",
    "enable_mathjax",
    "mathjax_url",
    "mathjax_config",
    "log_json",
    "ignore_minified_js",
    "extra_nbextensions_path",
)
NETWORK = ("*", "", "0.0.0.0", "::")  # noqa: S104
NEAR = ("localhost", "127.0.0.1", "::1")

#: Settings of the plan or of the role itself, and the variable for each.
DECIDED = {
    "ServerApp.port_retries": "the port is one that is free, or the run says who has it",
    "ServerApp.open_browser": "a server opens no browser",
    "ServerApp.quit_button": "what starts and stops the server is the service manager",
    "ServerApp.allow_remote_access": "who may connect is decided by jupyter_access",
    "ServerApp.allow_root": "Jupyter never runs as root here: whoever has the password would own the machine",
    "ServerApp.ssl_options": "versions and ciphers of TLS are the role's",
    "ServerApp.allow_unauthenticated_access": "nothing but the version answers without a login",
    "IdentityProvider.cookie_options": "cookies stay with their site",
    "PasswordIdentityProvider.cookie_options": "cookies stay with their site",
    "PasswordIdentityProvider.password_required": "a password is always required",
    "PasswordIdentityProvider.allow_password_change": "a password is changed with playbooks/rotate_password.yml",
}
#: Settings that are kept and that open a server to others, with the value that does.
OPENING: dict[str, tuple[Callable[[Any], bool], str]] = {
    "ServerApp.disable_check_xsrf": (bool, "any page that a browser shows can then act in its name"),
    "ServerApp.allow_origin": (
        lambda value: value == "*",
        "any page that a browser shows can then read from the server",
    ),
    "ServerApp.allow_origin_pat": (
        lambda value: str(value).strip("^$") in (".*", ".+", r"https?://.*", "https://.*", "http://.*", "(.*)"),
        "it fits any page",
    ),
    "ServerApp.allow_credentials": (bool, "pages of other origins that are allowed then act as who is logged in"),
    "ServerApp.trust_xheaders": (bool, "without a proxy before it, a client says itself who it is"),
    "ServerApp.authenticate_prometheus": (
        lambda value: not value,
        "numbers about the server are then told to everybody",
    ),
    "ServerApp.identity_provider_class": (
        lambda value: True,
        "another class then decides who may log in, and jupyter_password may decide nothing",
    ),
    "ServerApp.login_handler_class": (
        lambda value: True,
        "another class then decides who may log in, and jupyter_password may decide nothing",
    ),
    "ServerApp.authorizer_class": (lambda value: True, "another class then decides who may do what"),
    "ServerApp.tornado_settings": (
        lambda value: (
            re.search(r"frame-ancestors[^;]*\*|Access-Control-Allow-Origin'?: '\*|xsrf_cookies'?: False", str(value))
            is not None
        ),
        "other people's pages may then show or use the server",
    ),
    "KernelManager.ip": (lambda value: value not in NEAR, "kernels then listen on the network"),
    "ContentsManager.allow_hidden": (bool, "hidden files, such as keys in ~/.ssh, can then be read in the browser"),
    "FileContentsManager.allow_hidden": (bool, "hidden files, such as keys in ~/.ssh, can then be read in the browser"),
}

#: Which package brings the classes of settings that Jupyter does not know by itself.
PACKAGES = {
    "ResourceUseDisplay": "jupyter-resource-usage",
    "LanguageServerManager": "jupyter-lsp",
    "ServerProxy": "jupyter-server-proxy",
    "LatexConfig": "jupyterlab-latex",
    "JupyterLabGit": "jupyterlab-git",
    "VoilaConfiguration": "voila",
    "VoilaExecutor": "voila",
    "YDocExtension": "jupyter-collaboration",
    "S3ContentsManager": "s3contents",
    "GCSContentsManager": "s3contents",
    "HybridContentsManager": "hybridcontents",
    "Exchange": "nbgrader",
    "CourseDirectory": "nbgrader",
    "AiExtension": "jupyter-ai",
    "SchedulerApp": "jupyter-scheduler",
}
#: Classes of Jupyter itself that a configuration may name: those of BASE_PACKAGES in :mod:`_jupyter.plan`, and of their
#: they are made of.
_OWN = """
AllowAllAuthorizer Application AsyncCheckpoints AsyncContentsManager AsyncFileCheckpoints AsyncFileContentsManager
AsyncFileManagerMixin AsyncGenericFileCheckpoints AsyncIOLoopKernelManager AsyncIOLoopKernelRestarter
AsyncKernelClient AsyncKernelManager AsyncLargeFileManager AsyncMappingKernelManager AsyncMultiKernelManager
Authorizer BaseExtensionApp BaseJSONConfigManager BaseKernelWebsocketConnection BlockingKernelClient Checkpoints
ConfigManager Configurable ConnectionFileMixin ContentsManager DebugLogFileMixin DisableServerExtensionApp
EnableServerExtensionApp EventLogger ExtensionApp ExtensionConfigManager ExtensionManager ExtensionPackage
FileCheckpoints FileContentsManager FileManagerMixin GatewayClient GatewayKernelClient GatewayKernelManager
GatewayKernelSpecManager GatewayMappingKernelManager GatewaySessionManager GatewayTokenRenewerBase
GatewayWebSocketConnection GenericFileCheckpoints IOLoopKernelManager IOLoopKernelRestarter IdentityProvider
JupyterApp JupyterAsyncApp JupyterPasswordApp JupyterServerListApp JupyterServerStopApp KernelClient KernelManager
KernelProvisionerBase KernelProvisionerFactory KernelRestarter KernelSpecManager LabApp LabBuildApp LabCleanApp
LabLicensesApp LabPathApp LabServerApp LabWorkspaceApp LabWorkspaceExportApp LabWorkspaceImportApp LabWorkspaceListApp
LargeFileManager LegacyIdentityProvider LicensesApp LicensesManager ListServerExtensionsApp LocalPortCache
LocalProvisioner LoggingConfigurable MappingKernelManager MultiKernelManager NoOpTokenRenewer NotebookApp
NotebookNotary PasswordIdentityProvider PluginManager PyPIExtensionManager ReadOnlyExtensionManager
SQLiteSignatureStore ServerApp ServerExtensionApp ServerKernelManager Session SessionFactory SessionManager
SingletonConfigurable TerminalManager TerminalsExtensionApp ToggleServerExtensionApp TrustNotebookApp
WorkspaceExportApp WorkspaceImportApp WorkspaceListApp WorkspacesManager ZMQChannelsWebsocketConnection
"""
OWN = frozenset(_OWN.split())
#: The options of ServerApp, in the oldest release that BASE_PACKAGES allows. Of NotebookApp's options some are gone.
_SERVER = """
allow_credentials allow_external_kernels allow_origin allow_origin_pat allow_password_change allow_remote_access
allow_root allow_unauthenticated_access answer_yes authenticate_prometheus authorizer_class autoreload base_url
browser certfile client_ca config_file config_file_name config_manager_class contents_manager_class cookie_options
cookie_secret cookie_secret_file custom_display_url default_url disable_check_xsrf external_connection_dir
extra_log_scrub_param_keys extra_services extra_static_paths extra_template_paths file_to_run file_url_prefix
generate_config get_secure_cookie_kwargs identity_provider_class iopub_data_rate_limit iopub_msg_rate_limit ip
jinja_environment_options jinja_template_vars jpserver_extensions kernel_manager_class kernel_spec_manager_class
kernel_websocket_connection_class kernel_ws_protocol keyfile limit_rate local_hostnames log_datefmt log_format
log_level logging_config login_handler_class logout_handler_class max_body_size max_buffer_size min_open_files_limit
nbconvert_csp_sandbox notebook_dir open_browser password password_required port port_retries preferred_dir pylab
quit_button rate_limit_window reraise_server_extension_failures root_dir session_manager_class show_config
show_config_json shutdown_no_activity_timeout sock sock_mode ssl_options static_immutable_cache terminado_settings
terminals_enabled token tornado_settings trust_xheaders use_redirect_file webbrowser_open_new
websocket_compression_options websocket_ping_interval websocket_ping_timeout websocket_url
"""
SERVER = frozenset(_SERVER.split())
#: These belong to programs that are no server for one person.
HUB = (
    "JupyterHub",
    "Authenticator",
    "Spawner",
    "ConfigurableHTTPProxy",
    "LocalProcessSpawner",
    "SudoSpawner",
    "DockerSpawner",
    "KubeSpawner",
    "SystemdSpawner",
)


def new_name(option: str) -> str | None:
    """Return the name that an option has in Jupyter Server 2; None where it has no counterpart."""
    section, _dot, trait = option.partition(".")
    if section in ("NotebookApp", "ServerApp") and trait in RENAMED:
        return RENAMED[trait]
    if section == "NotebookApp":
        return None if trait in GONE else f"ServerApp.{trait}"
    if option == "IdentityProvider.hashed_password":
        return "PasswordIdentityProvider.hashed_password"
    return "IdentityProvider.token" if option == "PasswordIdentityProvider.token" else option


#: Nobody reads more of them, and files may hold as many options as they like.
MOST_REMARKS = 500


class _Option(NamedTuple):
    """An option as a file sets it."""

    #: As the file calls it.
    name: str
    value: Any
    #: Why the value is not known; empty where it is.
    why: str
    #: Where: ``file, line 3``.
    place: str


def convert(files: dict[str, str], account: str = "") -> dict[str, Any]:
    """Return ``{"variables": {jupyter_...: value}, "remarks": [str, ...]}`` for the files of one account, by their
    path.

    A hash is kept word for word: the old password logs in afterwards, and who is logged in stays so.

    :param account: whose files they are; empty where nobody in particular is to run the server.
    :raises PlanError: if a file cannot be read in the format of its ending.
    """
    remarks: list[str] = []
    options: dict[str, _Option] = {}
    for path in sorted(
        files, key=lambda each: FILES.index(each.rsplit("/", 1)[-1]) if each.rsplit("/", 1)[-1] in FILES else len(FILES)
    ):
        _collect(path, _read(files[path], path), options, remarks)
    variables: dict[str, Any] = {}
    settings: dict[str, dict[str, Any]] = {}
    for name, option in options.items():
        if option.why:
            remarks.append(f"{option.place}: {option.name} {option.why}. {_by_hand(name)}")
        elif name in VARIABLES:
            _variable(name, option, variables, remarks)
        elif name in DECIDED:
            remarks.append(f"{option.place}: {option.name} is left out: {DECIDED[name]}.")
        elif name not in PLACED:
            _setting(name, option, settings, remarks)
    _place(options, variables, remarks)
    _warn(options, variables, remarks)
    _packages(settings, options, variables, remarks)
    if settings:
        variables["jupyter_settings"] = settings
    if account == "root":
        remarks.append(
            f"These are root's, and Jupyter never runs as root here: the server will run as '{SERVICE_ACCOUNT}', or as"
            " jupyter_user says."
        )
    elif account and files:
        variables["jupyter_user"] = account
    said = list(dict.fromkeys(remarks))
    if len(said) > MOST_REMARKS:
        said[MOST_REMARKS:] = [f"There are {len(said) - MOST_REMARKS} more remarks like these."]
    return {"variables": dict(sorted(variables.items())), "remarks": said}


def _read(text: str, path: str) -> Reading:
    try:
        return read(text, path)
    except ValueError as error:
        raise PlanError(f"{path} cannot be read: {error}. Correct it, or leave it out.") from error


def _collect(path: str, found: Reading, options: dict[str, _Option], remarks: list[str]) -> None:
    """Add the settings of a file, unless a file with precedence set them."""
    remarks += [f"{path}, line {line}: {text[0].lower()}{text[1:]}" for line, text in found.remarks]
    # Of an old and a new name in one file, the new one counts.
    for option, (value, line, why) in sorted(found.options.items(), key=lambda each: new_name(each[0]) != each[0]):
        place, name = f"{path}, line {line}", new_name(option)
        if not _OPTION.fullmatch(option) or len(option) > LONGEST_NAME:
            remarks.append(f"{place}: what is called {option[:60]!r} is no option of Jupyter and is left out.")
        elif name is None:
            remarks.append(f"{place}: {option} has no counterpart and is left out.")
        elif name in options:
            if (value, why) != options[name][1:3]:
                remarks.append(f"{place}: {option} is left out: {options[name].place} wins.")
        else:
            options[name] = _Option(option, value, why, place)


def _by_hand(name: str) -> str:
    if name in VARIABLES:
        return f"Write {VARIABLES[name]} by hand."
    if name in PLACED:
        return f"Write {PLACED[name]} by hand."
    if name in DECIDED:
        return f"It is left out in any case: {DECIDED[name]}."
    section, _dot, trait = name.partition(".")
    return f"Write it by hand, as jupyter_settings: {{{section}: {{{trait}: ...}}}}"


#: The options that :func:`_place` converts, and the variables.
PLACED = {
    "ServerApp.ip": "jupyter_access or jupyter_bind_address",
    "ServerApp.certfile": "jupyter_tls",
    "ServerApp.keyfile": "jupyter_tls",
}


def _variable(name: str, option: _Option, variables: dict[str, Any], remarks: list[str]) -> None:
    """Take over an option that has a variable of its own, where the role would accept its value."""
    value, wrong = option.value, ""
    secret = name in ("PasswordIdentityProvider.hashed_password", "IdentityProvider.token")
    if value in ("", None):
        if not secret:  # of those, _warn speaks
            remarks.append(f"{option.place}: {option.name} is empty there, and {VARIABLES[name]} keeps its default.")
        return
    if name == "ServerApp.port":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
            wrong = "is no number of a port"
        elif value < 1024:
            wrong = (
                "is a port that is free at the moment"
                if value == 0
                else "is a port that is reserved for root, and Jupyter never runs as root here"
            )
    elif not isinstance(value, str):
        wrong = "is no text"
    elif name == "ServerApp.root_dir" and not value.startswith(("/", "~/")):
        value = "~/" if value == "~" else value
        wrong = "" if value == "~/" else "is relative to wherever Jupyter was started"
    elif name == "ServerApp.base_url" and not re.fullmatch(r"[A-Za-z0-9._~/-]*", value):
        wrong = "holds characters that need quoting in a URL"
    elif name == "PasswordIdentityProvider.hashed_password" and not is_hash(value):
        wrong = "is no hash of a form that Jupyter accepts, so nobody could log in with it"
    if wrong:
        remarks.append(f"{option.place}: {option.name} {wrong}. Write {VARIABLES[name]} by hand, or leave it out.")
    else:
        variables[VARIABLES[name]] = value


def _setting(name: str, option: _Option, settings: dict[str, dict[str, Any]], remarks: list[str]) -> None:
    section, _dot, trait = name.partition(".")
    if section == "ServerApp" and trait not in SERVER:
        remarks.append(f"{option.place}: {option.name} has no counterpart and is left out.")
        return
    settings.setdefault(section, {})[trait] = option.value
    opens, why = OPENING.get(name, (None, ""))
    if opens is not None and opens(option.value):
        remarks.append(
            f"{option.place}: {option.name} is kept, and is dangerous: {why}. Take it out unless you need it."
        )


def _warn(options: dict[str, _Option], variables: dict[str, Any], remarks: list[str]) -> None:
    """Name the settings by which the old server let anybody in, and the new behaviour."""
    for name, word in (("PasswordIdentityProvider.hashed_password", "password"), ("IdentityProvider.token", "token")):
        option = options.get(name)
        if option and not option.why and option.value in ("", None):
            remarks.append(
                f"{option.place}: {option.name} is empty there, so the old server asked for no {word}. "
                + (
                    "It is left out."
                    if word == "token" or "jupyter_password_hash" in variables
                    else "Here a password is always required."
                )
            )


def _packages(
    settings: dict[str, dict[str, Any]], options: dict[str, _Option], variables: dict[str, Any], remarks: list[str]
) -> None:
    """Add the packages of the classes of some settings. Leave out settings of unknown classes: a run refuses
    them."""
    needed = set()
    for section in sorted(settings):
        if section in OWN:
            continue
        places = ", ".join(f"{options[f'{section}.{trait}'].place} ({trait})" for trait in settings[section])
        if section in PACKAGES:
            needed.add(PACKAGES[section])
            remarks.append(
                f"{places}: {section} belongs to the package {PACKAGES[section]}, which is written to jupyter_packages."
                " That stands in place of the jupyter_packages of an inventory: add those to it, or take out both."
            )
            continue
        del settings[section]
        cure = (
            "that belongs to JupyterHub, which is no server for one person"
            if section in HUB
            else (
                "no class of the server has that name. Where a package brings it, write both by hand: jupyter_packages"
                " and jupyter_settings"
            )
        )
        remarks.append(f"{places}: {section} is left out: {cure}.")
    if needed:
        variables["jupyter_packages"] = sorted(needed)


def _place(options: dict[str, _Option], variables: dict[str, Any], remarks: list[str]) -> None:
    """Settle who may connect and how it is encrypted, from ``ip``, ``certfile`` and ``keyfile``."""
    files = [
        options[name]
        for name in ("ServerApp.certfile", "ServerApp.keyfile")
        if name in options and not options[name].why
    ]
    given = [option for option in files if option.value not in ("", None)]
    remarks += [
        f"{option.place}: {option.name} is empty there, which is the default."
        for option in files
        if option not in given
    ]
    bind = options.get("ServerApp.ip")
    if bind is None or bind.why or not _listens(bind, variables, remarks):
        remarks += [
            f"{option.place}: {option.name} is left out: through an SSH tunnel no certificate is needed."
            for option in given
        ]
        return
    if given:
        # No variable: that would be a path on the control node, and the file there would be sent to the host.
        remarks.append(
            f"{given[0].place}: {' and '.join(option.name for option in given)} lie on the host:"
            f" {' and '.join(str(option.value) for option in given)}. To go on with them, copy them to the control"
            " node, and write where they lie there as jupyter_certificate_file and jupyter_key_file, with jupyter_tls:"
            " provided. Without, the server gets one of the private authority."
        )
    elif not any(options[name].why for name in ("ServerApp.certfile", "ServerApp.keyfile") if name in options):
        remarks.append(
            f"{bind.place}: It listened on the network without TLS. With access 'direct' it gets a certificate of the"
            " private authority."
        )


def _listens(bind: _Option, variables: dict[str, Any], remarks: list[str]) -> bool:
    """Write down where the server is to listen; tell whether that is the network."""
    near = bind.value in NEAR
    if not near and isinstance(bind.value, str) and bind.value not in NETWORK:
        try:
            near = ipaddress.ip_address(bind.value).is_loopback
            if near:
                remarks.append(
                    f"{bind.place}: {bind.name} is an address of the loopback. With access 'tunnel' it is localhost."
                )
            else:
                variables["jupyter_bind_address"] = bind.value
        except ValueError:
            remarks.append(
                f"{bind.place}: {bind.name} is no IP address. Write one as jupyter_bind_address; without, it listens on"
                " all."
            )
    elif not near and not isinstance(bind.value, str):
        remarks.append(f"{bind.place}: {bind.name} is no address and is left out. {_by_hand('ServerApp.ip')}")
        return False
    variables["jupyter_access"] = "tunnel" if near else "direct"
    return not near
