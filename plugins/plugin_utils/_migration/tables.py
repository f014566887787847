# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of Jupyter as tables: which variable each becomes, how it was called, and which are gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

#: The files of a classic setup, in the order in which the first that says an option wins: JSON before Python, new
#: names before old.
FILES = tuple(
    f"jupyter_{kind}config.{ending}" for kind in ("server_", "", "lab_", "notebook_") for ending in ("json", "py")
)

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
#: Classes of Jupyter itself that a configuration may name: those of BASE_PACKAGES in :mod:`_plan.plan`, and of their
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


#: The options that :func:`_place` converts, and the variables.
PLACED = {
    "ServerApp.ip": "jupyter_access or jupyter_bind_address",
    "ServerApp.certfile": "jupyter_tls",
    "ServerApp.keyfile": "jupyter_tls",
}
