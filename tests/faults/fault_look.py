# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a command that must not hang, and looking at what nsctl could have changed."""
import ctypes
import difflib
import fcntl
import grp
import json
import os
import pathlib
import pwd
import re
import select
import subprocess
import termios
import time

PROFILE = "faulty"
PATIENCE = 60           # seconds; what takes longer hangs
SETTLE = 30             # seconds for the kernel to take a namespace apart
DIFFERENCE_MAX = 30     # lines
USER = pwd.getpwnam("alice")
GROUP = grp.getgrnam("vpnusers").gr_gid


class Wrong(Exception):
    """Something did not hold."""


def run(command, user=None, stdout=subprocess.PIPE, wrapper=()):
    """(status, output, errors) of a command that must not hang."""
    drop = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [GROUP]} if user else {}
    if wrapper and user:
        command = [*as_user(user), *command]
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


def run_on_terminal(command, user, wrapper=()):
    """(status, output, errors, are the modes what they were) on a terminal of its own."""
    master, slave = os.openpty()
    os.fchown(slave, user.pw_uid, user.pw_gid)
    before, text, end = termios.tcgetattr(slave), b"", time.monotonic() + PATIENCE
    with subprocess.Popen([*wrapper, *as_user(user), *command], stdin=slave, stdout=slave,
                          stderr=slave, cwd="/", start_new_session=True,
                          pass_fds=pass_fds(wrapper),
                          preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as process:
        while True:
            ended = process.poll() is not None  # what it has written by then can be read
            if select.select([master], [], [], 0 if ended else 0.005)[0]:
                text += os.read(master, 65536)
            elif ended:
                break
            if time.monotonic() > end:
                process.kill()
                raise Wrong(f"{' '.join(command[:3])} hangs on a terminal")
    kept = termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)
    text = text.decode(errors="replace").replace("\r\n", "\n")
    # A message of nsctl's, and what it says to do.
    message = r"^nsctl: .*\n(?:  .*\n)*"
    errors = "".join(re.findall(message, text, re.MULTILINE))
    return process.returncode, re.sub(message, "", text, flags=re.MULTILINE), errors, kept


def as_user(user):
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", f"--groups={GROUP}", "--"]


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


def responders():
    """Without their guards: children of theirs, which may not have been let to call themselves so."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        stat = read(f"/proc/{pid}/stat")
        if "(nsctl-aaaa)" in stat:
            parents[pid] = stat.rpartition(") ")[2].split()[1]
    return ["nsctl-aaaa" for parent in parents.values() if parent not in parents]


def tables():
    """In some fixed order: nft lists them as they were made."""
    found = re.split(r"(?m)^(?=table )", run(["nft", "-s", "list", "ruleset"])[1])
    return "".join(sorted(found)).splitlines()


def glance():
    """What nsctl could have changed on the host, as lines."""
    return network() + mounts() + files() + responders() + tables()


def responders_rules():
    """The number of a queue is the first that nobody has, be it one who is about to end."""
    return [re.sub(r"queue num \d+", "queue num N", line)
            for line in tables()]


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
                read("/etc/hosts").splitlines() + sorted(os.listdir("/srv")) + \
                sorted(os.listdir("/sys/class/net")) + \
                (responders_rules() if responders() else [])
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
