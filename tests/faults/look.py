# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host and the inside of a profile look like, as lines that can be compared."""
import ctypes
import difflib
import json
import os
import pathlib
import re
import signal
import subprocess
import time

PROFILE = "faulty"
PATIENCE = 15           # seconds; what takes longer hangs
SETTLE = 5              # seconds for the kernel to take a namespace apart
DIFFERENCE_MAX = 12     # lines


class Wrong(Exception):
    """Something did not hold."""


def run(command, user=None, stdout=subprocess.PIPE, wrapper=()):
    """(status, output, errors) of a command that must not hang."""
    drop = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    if wrapper and user:
        command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                   "--clear-groups", "--", *command]
        drop = {}
    with subprocess.Popen([*wrapper, *command], stdin=subprocess.DEVNULL, stdout=stdout,
                          stderr=subprocess.PIPE, cwd="/", pass_fds=pass_fds(wrapper),
                          **drop) as process:
        try:
            output, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Wrong(f"{' '.join(command[:3])} hangs") from None
    return process.returncode, (output or b"").decode(errors="replace"), \
        errors.decode(errors="replace")


def pass_fds(wrapper):
    return [int(wrapper[wrapper.index("--report") + 1])] if "--report" in wrapper else []


def wait_until(condition, limit=SETTLE):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


# ---- looking ----------------------------------------------------------------------------------

def strangers(known=frozenset()):
    """Processes in another network or mount namespace than this one: those of the world's other
    machines are known."""
    ours = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "mnt")]
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            theirs = [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "mnt")]
        except OSError:
            continue
        if theirs != ours and pid not in known:
            found.append(pid)
    return found


def network():
    """Links, addresses, routes and settings of the network namespace that this process is in."""
    lines = [line.split(":")[0] for line in read("/proc/net/dev").splitlines()[2:]]
    lines += read("/proc/net/fib_trie").splitlines()
    lines += [" ".join(line.split()[:8]) for line in read("/proc/net/route").splitlines()
              if not line.startswith("Iface")] # the head, where there has ever been a route
    for family, keys in (("ipv4", ("forwarding", "accept_redirects")),
                         ("ipv6", ("disable_ipv6", "accept_ra"))):
        for directory in sorted(pathlib.Path(f"/proc/sys/net/{family}/conf").glob("*")):
            lines += [f"{directory.name} {key} {read(directory / key).strip()}" for key in keys]
    return sorted(line.strip() for line in lines)


def mounts():
    """Without what the kernel numbers anew each time."""
    lines = []
    for line in read("/proc/self/mountinfo").splitlines():
        fields = line.split(" ")
        root = "nsfs" if fields[3].startswith(("net:", "mnt:")) else fields[3]
        lines.append(f"mount {fields[4]} {root} {fields[5]} {fields[fields.index('-') + 1]}")
    return sorted(lines)


def files():
    lines = []
    for top in ("/run/nsctl", "/run/netns"):
        for directory, names, others in os.walk(top):
            lines += [f"{directory}/{name}" for name in names + others]
    return sorted(line for line in lines if not line.endswith("nsctld.log"))


def glance():
    """What nsctl could have changed on the host, as lines."""
    # the tables in some fixed order: they are listed as they were made
    tables = re.split(r"(?m)^(?=table )", run(["nft", "-s", "list", "ruleset"])[1])
    return network() + mounts() + files() + "".join(sorted(tables)).splitlines()


def inside():
    """The same of the profile's namespaces, seen by a child that enters them."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            for path in (f"/run/netns/{PROFILE}", f"/run/nsctl/ns/{PROFILE}/mnt"):
                descriptor = os.open(path, os.O_RDONLY)
                if libc.setns(descriptor, 0) < 0:
                    raise OSError(ctypes.get_errno(), path)
            lines = network() + mounts() + read("/etc/resolv.conf").splitlines() + \
                read("/etc/hosts").splitlines() + sorted(os.listdir("/srv") + os.listdir("/sys/class/net"))
        except OSError as error:
            lines = [str(error)]
        os.write(writing, json.dumps(lines)[:65536].encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def difference(before, after):
    lines = [line for line in difflib.unified_diff(before, after, "was", "is", n=0, lineterm="")
             if not line.startswith("@@")]
    return lines[2:DIFFERENCE_MAX] + ["..."] * (len(lines) > DIFFERENCE_MAX)
