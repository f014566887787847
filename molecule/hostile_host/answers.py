"""The answers of the hostile host, by the name of its interpreter. Each function takes the question and the honest
answer, and returns another one."""

STATE = "@STATE@"
WAY = f"-o ControlPath=none -o ProxyCommand='touch {STATE}/pwned_by_new_host'"
NEW_HOST = {"host_name": "evil_build", "groups": [], "host_vars": {"ansible_ssh_common_args": WAY}}


def template(word):
    return f"{{{{ lookup('ansible.builtin.pipe', 'touch {STATE}/pwned_by_{word}') }}}}"


def in_report(**changes):
    """A change of the report, whichever way it was asked for."""

    def change(kind, answer):
        if "report" in answer:
            for path, value in changes.items():
                *above, last = path.split("__")
                there = answer["report"]
                for name in above:
                    there = there[name]
                there[last] = value(there.get(last)) if callable(value) else value
        return answer

    return change


# --- refused, and why ---


def evil_new_host(kind, answer):
    if "report" in answer:
        answer["add_host"] = answer["report"]["add_host"] = NEW_HOST
    return answer


evil_wrong_type = in_report(system=[1, 2])
evil_wrong_list = in_report(servers={"pid": 1})
evil_missing = in_report(system__commands=lambda known: None)
evil_machine = in_report(system__machine="../../victim/x")
evil_libc = in_report(system__libc="glibc 2.36/../../../victim/x")
evil_home = in_report(system__home="victim")
evil_number = in_report(system__uid=True)
evil_long = in_report(system__hostname="x" * 1_000_000)
evil_instance = in_report(
    manifest=[
        {
            "id": "service jupyter@x.service",
            "kind": "service",
            "instance": "../honest/lab",
            "manager": "systemd",
            "user": "root",
        }
    ]
)
evil_python_key = in_report(
    pythons__python3={"path": "/usr/bin/python3", "version": ["3", "../../../victim"], "open": True}
)
evil_path = in_report(paths=lambda known: {**known, "../../victim/x": None})
evil_state = in_report(
    paths=lambda known: {
        **known,
        "/etc": {"kind": "file", "mode": "0644", "owner": "root", "group": "root", "modified": 1.0},
    }
)
evil_time = in_report(
    paths=lambda known: {**known, "/etc": {**(known.get("/etc") or {}), "kind": "other", "modified": float("nan")}}
)
evil_listener = in_report(
    listeners={"../../x": {"pid": None, "command": None, "loopback": True, "uid": 0, "account": "root"}}
)


def evil_deep(kind, answer):
    start = "remote.notebooks " if kind == "observe" else ""
    return start + '{"report": ' + "[" * 200_000 + "]" * 200_000 + "}" if "report" in answer else answer


def evil_huge(kind, answer):
    start = "remote.notebooks " if kind == "observe" else ""
    return start + '{"report": {"system": "' + "x" * 33_000_000 + '"}}' if "report" in answer else answer


def evil_other(kind, answer):
    start = "remote.notebooks " if kind == "observe" else ""
    return start + '{"report": []}' if "report" in answer else answer


# --- carried, and never more than a text ---


def evil_text(kind, answer):
    if "report" in answer:
        system = answer["report"]["system"]
        system["hostname"] = template("hostname")
        system["name"] = "\x1b]0;" + template("name") + "\x07\x9b2J\u202e"
        system["home"] = "/root/" + template("home")
        answer["report"]["units"][template("unit")] = {"ActiveState": template("state")}
        server = {
            "pid": 7,
            "uid": 0,
            "instance": "lab",
            "revision": "\x1b[2J",
            "environment": "/opt/" + template("environment"),
        }
        answer["report"]["servers"] = [{**server, "started": 1, "tmux": False, "trial": 0, "notebook7": False}]
        shadow = {"options": [template("option")], "error": "\x1b[2J" + template("error")}
        answer["report"]["shadows"] = {"/etc/jupyter/" + template("shadow"): shadow}
        answer["report"]["aside"] = ["/etc/jupyter/" + template("aside")]
        answer["report"]["paths"]["/run/remote-notebooks.lock"] = {
            **{
                "kind": "link",
                "mode": "0777",
                "owner": "root",
                "group": "root",
                "modified": 1,
                "target": template("lock"),
            }
        }
        answer["report"]["listeners"] = {
            "8888": {
                **{
                    "pid": 7,
                    "command": "\x1b[2J" + template("command"),
                    "loopback": True,
                    "everywhere": False,
                    "uid": 0,
                },
                "account": template("account"),
            }
        }
        if "python" in answer:
            answer["python"] = "/usr/bin/python3; touch " + STATE + "/pwned_by_python"
    return answer


# --- after the comparison ---


def evil_build(kind, answer):
    if kind == "jupyter_environment":
        return {
            "changed": True,
            "same": False,
            "remark": "",
            "add_host": NEW_HOST,
            "add_group": {"group": "all"},
        }
    return answer


def evil_built_facts(kind, answer):
    if kind == "jupyter_environment":
        facts = {"jupyter_handoff_dir": STATE + "/victim/handoff", "__jupyter_same": [template("waits")]}
        return {
            "changed": True,
            "same": False,
            "remark": template("remark"),
            "ansible_facts": facts,
            "python": "/usr/bin/python3",
        }
    return answer


def evil_unwanted(kind, answer):
    if kind == "tunnel_state":
        answer["unwanted"] = ["../../victim/.ssh/id_ed25519", "../honest/ipad"]
        answer["difference"] = [
            {"id": "unwanted x", "kind": "unwanted", "name": name, "text": "x"} for name in answer["unwanted"]
        ]
    return answer


def evil_host_keys(kind, answer):
    if kind == "tunnel_state":
        answer["host_keys"] = ["ssh-ed25519 AAAA\n* ssh-ed25519 " + "A" * 68]
        answer["difference"] = []
    return answer


def evil_request(kind, answer):
    if kind == "pki_host_key":
        answer["requests"]["honest/web"] = next(iter(answer["requests"].values()), "")
    return answer


def evil_fact(kind, answer):
    if kind in ("setup", "ansible_setup") or "ansible_facts" in answer:
        answer.setdefault("ansible_facts", {})["trust_ca_file"] = STATE + "/victim/.ssh/id_ed25519"
    return answer


def evil_name(kind, answer):
    if kind in ("setup", "ansible_setup") or "ansible_facts" in answer:
        answer.setdefault("ansible_facts", {})["inventory_hostname"] = "honest"
    return answer


def evil_way(kind, answer):
    if kind in ("setup", "ansible_setup") or "ansible_facts" in answer:
        answer.setdefault("ansible_facts", {})["ansible_control_path"] = STATE + "/ssh/cp/of_honest"
    return answer


def evil_provider(kind, answer):
    if kind == "firewall_state":
        answer["difference"] = [
            {
                "id": "x",
                "what": "missing",
                "provider": "../" * 30 + STATE[1:] + "/victim/tasks",
                "opening": {},
                "detail": "",
            }
        ]
    return answer
