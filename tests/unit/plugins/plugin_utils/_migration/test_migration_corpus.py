# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations as people have them, read by ours and loaded by Jupyter's own loader, which runs them.

Each option that Jupyter gets from one has to be a variable with the same value, or in a remark that names it and a
line.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._migration.convert import convert
from ansible_collections.remote.notebooks.plugins.plugin_utils._migration.tables import VARIABLES, new_name

HASH = "sha1:67c9e60bb8b6:9ffede0825894254b2e042ea597d771089e11aed"
PATH = "~/.jupyter/jupyter_notebook_config.py"


def row(name, text, variables, lines, unnamed=()):
    """A file, its result, the lines of its remarks, and options whose names only running the file would show."""
    return pytest.param(text.lstrip("\n").replace("HASH", HASH), variables, lines, unnamed, id=name)


CORPUS = [
    row(
        "a guide for a cloud machine",
        """
c = get_config()

# Kernel config
c.IPKernelApp.pylab = 'inline'
# Notebook config
c.NotebookApp.certfile = u'/home/ubuntu/certs/mycert.pem'
c.NotebookApp.ip = '*'
c.NotebookApp.open_browser = False
c.NotebookApp.password = u'HASH'
c.NotebookApp.port = 8888
""",
        {"jupyter_access": "direct", "jupyter_password_hash": HASH, "jupyter_port": 8888},
        [4, 6, 8],
    ),
    row(
        "a guide for a Raspberry Pi",
        """
c.NotebookApp.ip = '0.0.0.0'
c.NotebookApp.port = 9999
c.NotebookApp.open_browser = False
c.NotebookApp.notebook_dir = '/'
c.NotebookApp.allow_root = True
""",
        {"jupyter_access": "direct", "jupyter_port": 9999, "jupyter_root_dir": "/"},
        [1, 3, 5],
    ),
    row(
        "no password at all",
        """
c.NotebookApp.ip = '*'
c.NotebookApp.token = ''
c.NotebookApp.password = ''
c.NotebookApp.disable_check_xsrf = True
c.NotebookApp.allow_origin = '*'
c.NotebookApp.allow_credentials = True
""",
        {
            "jupyter_access": "direct",
            "jupyter_settings": {
                "ServerApp": {"disable_check_xsrf": True, "allow_origin": "*", "allow_credentials": True}
            },
        },
        [1, 2, 3, 4, 5, 6],
    ),
    row(
        "behind a proxy",
        """
c.ServerApp.base_url = '/jupyter/'
c.ServerApp.trust_xheaders = True
c.ServerApp.allow_remote_access = True
c.ServerApp.ip = '127.0.0.1'
c.ServerApp.tornado_settings = {'headers': {'Content-Security-Policy': "frame-ancestors 'self' *"}}
""",
        {
            "jupyter_access": "tunnel",
            "jupyter_base_url": "/jupyter/",
            "jupyter_settings": {
                "ServerApp": {
                    "trust_xheaders": True,
                    "tornado_settings": {"headers": {"Content-Security-Policy": "frame-ancestors 'self' *"}},
                }
            },
        },
        [2, 3, 5],
    ),
    row(
        "limits as arithmetic",
        """
c.NotebookApp.iopub_data_rate_limit = 10 * 1024**3
c.NotebookApp.max_body_size = 512 * 1024 * 1024
c.NotebookApp.max_buffer_size = 1 << 30
c.MappingKernelManager.cull_idle_timeout = 60*60
c.MappingKernelManager.cull_interval = -(-600 // 2)
c.NotebookApp.rate_limit_window = 3 / 2
""",
        {
            "jupyter_settings": {
                "MappingKernelManager": {"cull_idle_timeout": 3600, "cull_interval": 300},
                "ZMQChannelsWebsocketConnection": {"iopub_data_rate_limit": 10737418240, "rate_limit_window": 1.5},
                "ServerApp": {"max_body_size": 536870912, "max_buffer_size": 1073741824},
            }
        },
        [],
    ),
    row(
        "arithmetic that grows",
        """
c.NotebookApp.max_body_size = 2**10**3
c.NotebookApp.max_buffer_size = 1 << 2**40 if False else 1024
c.NotebookApp.port = 9**2
""",
        {"jupyter_port": 81, "jupyter_settings": {"ServerApp": {"max_buffer_size": 1024}}},
        [1],
    ),
    row(
        "additions to what is not set",
        """
c.NotebookApp.nbserver_extensions.update({'jupyter_nbextensions_configurator': True})
c.NotebookApp.extra_static_paths.append('/srv/static')
c.ContentsManager.hide_globs.extend(['*.bak'])
c.NotebookApp.tornado_settings.update({'compress_response': True})
c.ServerApp.extra_template_paths.insert(0, '/srv/templates')
""",
        {
            "jupyter_settings": {
                "ServerApp": {
                    "extra_template_paths": ["/srv/templates"],
                    "jpserver_extensions": {"jupyter_nbextensions_configurator": True},
                    "extra_static_paths": ["/srv/static"],
                    "tornado_settings": {"compress_response": True},
                }
            }
        },
        [3],
    ),
    row(
        "additions of the wrong kind",
        """
c.NotebookApp.nbserver_extensions.append('jupyter_spark')
c.NotebookApp.port = 8890
""",
        {"jupyter_port": 8890},
        [1],
    ),
    row(
        "additions to what is set",
        """
c.ServerApp.jpserver_extensions = {'a': True}
c.ServerApp.jpserver_extensions['b'] = False
c.ServerApp.jpserver_extensions.update(c=True)
c.ServerApp.extra_static_paths = ['/a']
c.ServerApp.extra_static_paths += ['/b']
c.ServerApp.extra_static_paths.insert(0, '/c')
c.ServerApp.extra_static_paths.extend(('/d',))
c.ServerApp.tornado_settings = {}
c.ServerApp.tornado_settings.setdefault('headers', {})['X-Frame-Options'] = 'DENY'
""",
        {
            "jupyter_settings": {
                "ServerApp": {
                    "jpserver_extensions": {"a": True, "b": False, "c": True},
                    "extra_static_paths": ["/c", "/a", "/b", "/d"],
                    "tornado_settings": {"headers": {"X-Frame-Options": "DENY"}},
                }
            }
        },
        [],
    ),
    row(
        "merged mappings",
        """
extensions = {'a': True} | {'b': True}
extensions |= {'c': False}
c.ServerApp.jpserver_extensions = {**extensions, 'd': True}
""",
        {"jupyter_settings": {"ServerApp": {"jpserver_extensions": {"a": True, "b": True, "c": False, "d": True}}}},
        [],
    ),
    row(
        "as items",
        """
c['NotebookApp']['port'] = 9001
c["NotebookApp"].notebook_dir = "/srv/nb"
c.NotebookApp['ip'] = '192.0.2.10'
""",
        {
            "jupyter_access": "direct",
            "jupyter_bind_address": "192.0.2.10",
            "jupyter_port": 9001,
            "jupyter_root_dir": "/srv/nb",
        },
        [3],
    ),
    row(
        "the configuration by another name",
        """
cfg = get_config()
cfg.NotebookApp.port = 9002
app = cfg.NotebookApp
app.notebook_dir = '/srv/nb'
both = (cfg.NotebookApp, cfg['ServerApp'])
for each in both:
    each.base_url = '/x/'
""",
        {"jupyter_base_url": "/x/", "jupyter_port": 9002, "jupyter_root_dir": "/srv/nb"},
        [],
    ),
    row(
        "a name of its own that is no configuration",
        """
from traitlets.config import Config
c = Config()
c.NotebookApp.port = 9003
get_config().ServerApp.port = 9004
""",
        {"jupyter_port": 9004},
        [],
    ),
    row(
        "setattr in a loop",
        """
for name, value in (('port', 9005), ('notebook_dir', '/srv/nb'), ('open_browser', False)):
    setattr(c.NotebookApp, name, value)
settings = {'cull_idle_timeout': 600, 'cull_interval': 60}
for key in settings:
    setattr(c.MappingKernelManager, key, settings[key])
for key, value in {'max_body_size': 5, 'max_buffer_size': 6}.items():
    c.ServerApp[key] = value
""",
        {
            "jupyter_port": 9005,
            "jupyter_root_dir": "/srv/nb",
            "jupyter_settings": {
                "MappingKernelManager": {"cull_idle_timeout": 600, "cull_interval": 60},
                "ServerApp": {"max_body_size": 5, "max_buffer_size": 6},
            },
        },
        [2],
    ),
    row(
        "setattr with a name from the environment",
        """
import os
c.NotebookApp.port = 9006
setattr(c.NotebookApp, os.environ.get('WHICH', 'notebook_dir'), '/srv/nb')
""",
        {},
        [2, 3],
        ("NotebookApp.notebook_dir",),
    ),
    row(
        "a loop over what is unknown",
        """
import glob
for name in glob.glob('/'):
    c.NotebookApp.notebook_dir = name
    c.NotebookApp.extra_static_paths.append(name)
while len(glob.glob('/')) > 5:
    c.NotebookApp.port = 9007
""",
        {},
        [3, 4, 6],
    ),
    row(
        "a condition that is unknown",
        """
import os
c.NotebookApp.port = 9008
if 'USE_HTTPS' in os.environ:
    c.NotebookApp.certfile = '/etc/ssl/nb.pem'
    c.NotebookApp.port = 443
if os.name == 'posix':
    c.NotebookApp.ip = '*'
else:
    c.NotebookApp.ip = 'localhost'
""",
        {},
        [4, 5, 9],
    ),
    row(
        "a condition that is known",
        """
PUBLIC = False
DEBUG = not PUBLIC
if PUBLIC:
    c.NotebookApp.ip = '*'
elif DEBUG and 1 < 2:
    c.NotebookApp.port = 9009
c.NotebookApp.base_url = '/debug/' if DEBUG else '/'
""",
        {"jupyter_base_url": "/debug/", "jupyter_port": 9009},
        [],
    ),
    row(
        "a password from a file, and one to fall back on",
        """
try:
    with open('/etc/jupyter/password') as file:
        password = file.read().strip()
except OSError:
    password = 'HASH'
c.NotebookApp.password = password
""",
        {},
        [6],
    ),
    row(
        "a password to fall back on, set first",
        """
c.NotebookApp.password = 'HASH'
try:
    c.NotebookApp.password = open('/etc/jupyter/password').read()
except OSError:
    pass
""",
        {},
        [3],
    ),
    row(
        "a password to fall back on, by way of or",
        """
import os
c.NotebookApp.password = os.environ.get('JUPYTER_HASH') or 'HASH'
c.NotebookApp.token = os.getenv('JUPYTER_TOKEN', 'secret')
c.NotebookApp.port = int(os.environ.get('PORT', 8888))
""",
        {},
        [2, 3, 4],
    ),
    row(
        "a password that is created there",
        """
from hashlib import sha1
def passwd(text):
    return 'sha1:abc:' + sha1(text.encode()).hexdigest()
c.NotebookApp.password = passwd('secret')
""",
        {},
        [4],
    ),
    row(
        "a password in clear",
        """
c.NotebookApp.password = 'secret'
c.NotebookApp.password_required = True
c.NotebookApp.allow_password_change = False
""",
        {},
        [1, 2, 3],
    ),
    row(
        "texts made of others",
        """
import os
HOME = '/home/ann'
port = 9010
c.NotebookApp.notebook_dir = f'{HOME}/notebooks'
c.NotebookApp.port = port
c.NotebookApp.base_url = '/%s/' % 'ann'
c.NotebookApp.extra_static_paths = [os.path.join(HOME, 'static'), HOME + '/css']
c.NotebookApp.custom_display_url = f'http://{os.uname().nodename}:{port}/'
""",
        {
            "jupyter_base_url": "/ann/",
            "jupyter_port": 9010,
            "jupyter_root_dir": "/home/ann/notebooks",
            "jupyter_settings": {"ServerApp": {"extra_static_paths": ["/home/ann/static", "/home/ann/css"]}},
        },
        [8],
    ),
    row(
        "a home that only the account knows",
        """
import os
from pathlib import Path
c.NotebookApp.notebook_dir = os.path.expanduser('~/notebooks')
c.FileContentsManager.root_dir = str(Path.home())
c.NotebookApp.certfile = '~/mycert.pem'
""",
        {},
        [3, 4, 5],
    ),
    row(
        "sets, bytes and tuples",
        r"""
c.NotebookApp.local_hostnames = ('localhost', 'nb.example.org')
c.KernelSpecManager.allowed_kernelspecs = {'python3', 'ir'}
c.NotebookApp.password = b'HASH'
c.ServerApp.extra_services = frozenset(['a'])
c.NotebookApp.cookie_secret = b'\xff\x00'
""",
        {
            "jupyter_password_hash": HASH,
            "jupyter_settings": {
                "KernelSpecManager": {"allowed_kernelspecs": ["ir", "python3"]},
                "ServerApp": {"extra_services": ["a"], "local_hostnames": ["localhost", "nb.example.org"]},
            },
        },
        [5],
    ),
    row(
        "values that no variable holds",
        """
import re
c.NotebookApp.iopub_data_rate_limit = float('inf')
c.NotebookApp.get_secure_cookie_kwargs = {1: 'a'}
c.ContentsManager.pre_save_hook = lambda model, **kwargs: None
c.NotebookApp.allow_origin_pat = re.compile('.*')
c.ContentsManager.checkpoints_class = object
""",
        {},
        [2, 3, 4, 5, 6],
    ),
    row(
        "a hook",
        r'''
import os
from subprocess import check_call

def post_save(model, os_path, contents_manager):
    """Save a script beside each notebook."""
    if model['type'] != 'notebook':
        return
    folder, name = os.path.split(os_path)
    check_call(['jupyter', 'nbconvert', '--to', 'script', name], cwd=folder)

c.FileContentsManager.post_save_hook = post_save
c.FileContentsManager.delete_to_trash = False
''',
        {"jupyter_settings": {"FileContentsManager": {"delete_to_trash": False}}},
        [11],
    ),
    row(
        "functions that set",
        """
def listen(address, port=9011):
    c.NotebookApp.ip = address
    c.NotebookApp.port = port

def folder(section, path='/srv/nb'):
    section.notebook_dir = path
    return path

listen('*')
c.NotebookApp.extra_static_paths = [folder(c.NotebookApp)]
""",
        {
            "jupyter_access": "direct",
            "jupyter_port": 9011,
            "jupyter_root_dir": "/srv/nb",
            "jupyter_settings": {"ServerApp": {"extra_static_paths": ["/srv/nb"]}},
        },
        [2],
    ),
    row(
        "functions that others call",
        """
import functools
def configure(config):
    config.NotebookApp.port = 9012
functools.reduce(lambda _none, call: call(c), [configure], None)
class Settings:
    def __init__(self, config):
        config.ServerApp.root_dir = '/srv/nb'
Settings(c)
functools.partial(setattr, c.LabApp)('default_url', '/lab')
""",
        {},
        [3, 4, 7, 8, 9],
        ("LabApp.default_url",),
    ),
    row(
        "another file",
        """
c.ServerApp.port = 9013
load_subconfig('base.py')
c.ServerApp.root_dir = '/srv/nb'
""",
        {"jupyter_root_dir": "/srv/nb"},
        [1, 2],
    ),
    row(
        "a program in the program",
        """
exec("c.ServerApp.port = 9014")
exec(open('there.txt').read().replace('there', "c.ServerApp.root_dir = '/srv/nb'"))
globals()['c'].ServerApp.base_url = '/x/'
""",
        {},
        [1, 2, 3],
        ("ServerApp.port", "ServerApp.root_dir"),
    ),
    row(
        "taken out again",
        """
c.NotebookApp.port = 9015
del c.NotebookApp.port
c.NotebookApp.ip = '*'
del c['NotebookApp']['ip']
c.NotebookApp.base_url = '/x/'
c.NotebookApp.pop('base_url')
c.LabApp.dev_mode = True
del c.LabApp
c.NotebookApp.notebook_dir = '/srv/nb'
""",
        {"jupyter_root_dir": "/srv/nb"},
        [],
    ),
    row(
        "mappings all at once",
        """
c.NotebookApp.update({'port': 9016, 'notebook_dir': '/srv/nb'})
c.MappingKernelManager.update(cull_idle_timeout=600)
c.update({'LabApp': {'default_url': '/lab/tree'}})
c.NotebookApp.setdefault('port', 1)
c.NotebookApp.setdefault('base_url', '/x/')
""",
        {
            "jupyter_base_url": "/x/",
            "jupyter_port": 9016,
            "jupyter_root_dir": "/srv/nb",
            "jupyter_settings": {
                "MappingKernelManager": {"cull_idle_timeout": 600},
                "LabApp": {"default_url": "/lab/tree"},
            },
        },
        [],
    ),
    row(
        "several at once",
        """
c.NotebookApp.port, c.NotebookApp.base_url = 9017, '/x/'
c.NotebookApp.notebook_dir = c.FileContentsManager.root_dir = '/srv/nb'
c.NotebookApp.open_browser: bool = False
""",
        {
            "jupyter_base_url": "/x/",
            "jupyter_port": 9017,
            "jupyter_root_dir": "/srv/nb",
            "jupyter_settings": {"FileContentsManager": {"root_dir": "/srv/nb"}},
        },
        [3],
    ),
    row(
        "a comprehension",
        """
[setattr(c.ServerApp, name, value) for name, value in zip(['port', 'root_dir'], [9018, '/srv/nb'])]
c.ContentsManager.hide_globs = ['*.' + ending for ending in ('pyc', 'bak') if ending != 'x']
c.ServerApp.jpserver_extensions = {name: True for name in ['a', 'b']}
""",
        {
            "jupyter_port": 9018,
            "jupyter_root_dir": "/srv/nb",
            "jupyter_settings": {
                "ContentsManager": {"hide_globs": ["*.pyc", "*.bak"]},
                "ServerApp": {"jpserver_extensions": {"a": True, "b": True}},
            },
        },
        [],
    ),
    row(
        "with",
        """
import contextlib
with contextlib.suppress(OSError):
    c.NotebookApp.password = open('/nowhere').read()
with open('there.txt') as file:
    c.NotebookApp.token = file.read()
    c.NotebookApp.port = 9019
""",
        {"jupyter_port": 9019},
        [3, 5],
    ),
    row(
        "classes of other packages",
        """
c.ResourceUseDisplay.mem_limit = 4 * 1024**3
c.ResourceUseDisplay.track_cpu_percent = True
c.MyExtension.colour = 'red'
c.JupyterHub.ip = '0.0.0.0'
c.InteractiveShellApp.exec_lines = ['import numpy as np']
""",
        {
            "jupyter_packages": ["jupyter-resource-usage"],
            "jupyter_settings": {"ResourceUseDisplay": {"mem_limit": 4294967296, "track_cpu_percent": True}},
        },
        [1, 2, 3, 4, 5],
    ),
    row(
        "options that are gone",
        """
c.NotebookApp.webapp_settings = {}
c.NotebookApp.mathjax_url = 'x'
c.NotebookApp.show_banner = False
c.notebookapp.port = 9020
c.NotebookApp.shutdown_no_activity_timeout = 3600
""",
        {"jupyter_settings": {"ServerApp": {"shutdown_no_activity_timeout": 3600}}},
        [1, 2, 3, 4],
    ),
    row(
        "ports that the role refuses",
        """
c.NotebookApp.port = 0
c.NotebookApp.port_retries = 0
c.NotebookApp.base_url = 'my server'
c.NotebookApp.notebook_dir = 'notebooks'
""",
        {},
        [1, 2, 3, 4],
    ),
    row(
        "an address by name",
        """
c.ServerApp.ip = 'nb.example.org'
c.ServerApp.certfile = '/etc/letsencrypt/live/nb.example.org/fullchain.pem'
c.ServerApp.keyfile = '/etc/letsencrypt/live/nb.example.org/privkey.pem'
c.ServerApp.ssl_options = {'ciphers': 'HIGH'}
""",
        {"jupyter_access": "direct"},
        [1, 2, 4],
    ),
    row(
        "the identity provider of Jupyter Server 2",
        """
c.IdentityProvider.token = 'a-token'
c.PasswordIdentityProvider.hashed_password = 'HASH'
c.PasswordIdentityProvider.password_required = True
c.ServerApp.allow_unauthenticated_access = False
c.ServerApp.terminals_enabled = False
c.KernelManager.ip = '0.0.0.0'
""",
        {
            "jupyter_password_hash": HASH,
            "jupyter_settings": {"ServerApp": {"terminals_enabled": False}, "KernelManager": {"ip": "0.0.0.0"}},
            "jupyter_token": "a-token",
        },
        [3, 4, 6],
    ),
    row(
        "old and new names in one file",
        """
c.ServerApp.port = 9021
c.NotebookApp.port = 9022
c.NotebookApp.notebook_dir = '/srv/old'
""",
        {"jupyter_port": 9021, "jupyter_root_dir": "/srv/old"},
        [1, 2],
    ),
    row(
        "values that change later",
        """
paths = ['/a']
c.NotebookApp.extra_static_paths = paths
paths.append('/b')
table = {'a': 1}
c.NotebookApp.tornado_settings = table
import random
if random.random() < 2:
    table['b'] = 2
""",
        {"jupyter_settings": {"ServerApp": {"extra_static_paths": ["/a", "/b"]}}},
        [5],
    ),
    row(
        "a way out",
        """
import sys
c.NotebookApp.port = 9023
if sys.version_info < (3,):
    raise SystemExit('too old')
c.NotebookApp.notebook_dir = '/srv/nb'
for number in range(5):
    if number == 2:
        break
    c.NotebookApp.max_body_size = number
""",
        {"jupyter_port": 9023, "jupyter_root_dir": "/srv/nb", "jupyter_settings": {"ServerApp": {"max_body_size": 1}}},
        [],
    ),
    row(
        "a match",
        """
import os
match os.environ.get('STAGE'):
    case 'live':
        c.NotebookApp.port = 9024
    case other:
        c.NotebookApp.port = 9025
""",
        {},
        [6],
    ),
    row(
        "what is commented out",
        """
# Configuration file for jupyter-notebook.

#------------------------------------------------------------------------------
# NotebookApp(JupyterApp) configuration
#------------------------------------------------------------------------------
## The port the notebook server will listen on.
#c.NotebookApp.port = 8888
""",
        {},
        [],
    ),
    row(
        "parts of values, by ways that are unknown",
        """
import os
a, b = ['/a'], ['/b']
c.NotebookApp.extra_static_paths = a
c.NotebookApp.extra_template_paths = b
(a if os.environ.get('X', 'x') else b).append('/c')
table = {'x': {'y': 1}}
c.NotebookApp.tornado_settings = table
table[os.environ.get('X', 'x')]['y'] = 2
headers = {}
c.ServerApp.terminado_settings = headers
os.environ.update(headers)
""",
        {},
        [3, 4, 7, 10],
    ),
    row(
        "lists that double",
        """
c.NotebookApp.extra_static_paths = []
x = ['/a']
for i in range(3):
    x = x + x
    c.NotebookApp.extra_static_paths = x
y = []
for i in range(5):
    y = [y, y]
c.NotebookApp.extra_template_paths = y if False else []
def again(n):
    c.NotebookApp.port = 9030
    return again(n - 1) if n else 0
again(3)
""",
        {
            "jupyter_port": 9030,
            "jupyter_settings": {
                "ServerApp": {
                    "extra_static_paths": ["/a", "/a", "/a", "/a", "/a", "/a", "/a", "/a"],
                    "extra_template_paths": [],
                }
            },
        },
        [],
    ),
    row(
        "a name that is bound in one way only",
        """
import os
if os.environ.get('X', 'x'):
    app = c.NotebookApp
else:
    app = c.ServerApp
app.port = 9031
section = c.ServerApp if os.environ.get('X') else c.NotebookApp
section.base_url = '/x/'
""",
        {},
        [6, 8],
        ("NotebookApp.port", "NotebookApp.base_url"),
    ),
]

#: Loads each of the texts as Jupyter does, and prints the options as JSON.
LOADER = """
import json, os, sys, tempfile
from traitlets.config import Config, LazyConfigValue
from traitlets.config.loader import PyFileConfigLoader

def plain(value):
    if isinstance(value, LazyConfigValue):
        shapes = [{"dict": value.get_value({})}] if value._update else []
        return {"added": plain(value.get_value([])), **{key: plain(each) for shape in shapes for key,
        each in shape.items()}}
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (set, frozenset)):
        return sorted(map(plain, value), key=repr)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else {"object": type(value).__name__}

found = []
for text in json.load(sys.stdin):
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        files = {"jupyter_notebook_config.py": text, "base.py": "c.ServerApp.port = 7777\\n", "there.txt": "there"}
        for name, data in files.items():
            with open(name, "w", encoding="utf-8") as file:
                file.write(data)
        config = PyFileConfigLoader("jupyter_notebook_config.py", folder).load_config()
        sections = {section: traits for section, traits in config.items() if isinstance(traits, dict)}
        found.append({f"{section}.{trait}": plain(value) for section, traits in sections.items() for trait,
        value in traits.items()})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def loaded():
    """The values that Jupyter reads from each text."""
    texts = [param.values[0] for param in CORPUS]
    done = subprocess.run(
        [sys.executable, "-c", LOADER], input=json.dumps(texts), capture_output=True, text=True, check=True, timeout=120
    )
    return dict(zip(texts, json.loads(done.stdout)))


def carried(variables):
    """The options that variables come to, by their new names."""
    options = {
        f"{section}.{trait}": value
        for section, traits in variables.get("jupyter_settings", {}).items()
        for trait, value in traits.items()
    }
    options.update({name: variables[variable] for name, variable in VARIABLES.items() if variable in variables})
    if "jupyter_access" in variables:
        options["ServerApp.ip"] = variables.get(
            "jupyter_bind_address", "localhost" if variables["jupyter_access"] == "tunnel" else "*"
        )
    return options


@pytest.mark.parametrize(("text", "variables", "lines", "unnamed"), CORPUS)
def test_conversion(text, variables, lines, unnamed):
    found = convert({PATH: text})
    assert found["variables"] == variables
    assert (
        sorted({int(number) for remark in found["remarks"] for number in re.findall(r"config\.py, line (\d+)", remark)})
        == lines
    )
    assert HASH not in "".join(found["remarks"])


@pytest.mark.parametrize(("text", "variables", "lines", "unnamed"), CORPUS)
def test_nothing_that_jupyter_gets_is_lost(loaded, text, variables, lines, unnamed):
    options = carried(variables)
    remarks = convert({PATH: text})["remarks"]
    for option, value in loaded[text].items():
        name = new_name(option) or option
        wanted = value["added"] if isinstance(value, dict) and "added" in value else value
        if name == "ServerApp.ip":
            wanted = {"0.0.0.0": "*", "": "*", "127.0.0.1": "localhost"}.get(value, value)
        line = rf"line \d+\b.*\b{re.escape(option)}\b|line \d+ \({option.partition('.')[2]}\)"
        said = any(re.search(line, remark) for remark in remarks)
        assert (name in options and options[name] == wanted) or said or option in unnamed, (option, value, remarks)


def test_the_corpus_is_one(loaded):
    assert len(CORPUS) >= 40
    assert sum(map(len, loaded.values())) >= 100
