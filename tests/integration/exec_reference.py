#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A command in a profile behaves as it does outside: the reference suite.

exec_reference.py [--way nsctl|sudo|again] [--group GROUP]… [--case NAME]… [--jobs N] [--table FILE] [--list]

Runs the same sessions, as alice in an interactive shell on a terminal, twice: with "inside COMMAND"
as plain COMMAND, and as `nsctl exec hers -- COMMAND` (or `sudo`, with use_pty, for comparison), and
compares what the shell and the commands said, exit statuses, the terminal's modes, what was
received, and what is left. Each difference is printed; it is a failure unless the case gives a
reason why it must be. "again" is the plain one once more: then only the suite itself can differ. --table writes the differences to a file and calls none a failure.

Root runs it on the host of a world (tests/world) where the profile "hers" is up and admits alice.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, f"{HERE}/lib/reference")

from session import CASES, main_of_case  # noqa: E402
import cases_hangup  # noqa: E402,F401
import cases_jobs  # noqa: E402,F401
import cases_plain  # noqa: E402,F401
import cases_screen  # noqa: E402,F401
import cases_signals  # noqa: E402,F401

HOME = "/run/world/alice"
WAYS = {
    "plain": 'exec "$@"',
    "again": 'exec "$@"',
    "nsctl": 'exec nsctl exec hers -- "$@"',
    "sudo": 'exec sudo -n -E -u alice -- "$@"',
}
COUNTER = r'''#!/usr/bin/python3
# Writes the name of each signal that it receives, and ends with none of them.
import os, signal, sys
names = ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT", "TSTP")
numbers = [getattr(signal, f"SIG{name}") for name in names]
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(out, b"ready\n")
if "--ready" in sys.argv:
    os.write(1, b"\nready\n")
while True:
    number = signal.sigwaitinfo(numbers).si_signo
    os.write(out, names[numbers.index(number)].encode() + b"\n")
'''
SIZES = r'''#!/usr/bin/python3
# Says the size of the terminal each time that it changes.
import os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
os.write(1, b"ready\n")
while True:
    signal.sigwaitinfo([signal.SIGWINCH])
    size = os.get_terminal_size(1)
    os.write(1, b"%d %d\n" % (size.lines, size.columns))
'''
UNTIL_HUP = r'''#!/usr/bin/python3
# Waits until it is hung up on; so is what gets the SIGTERM that bash has for its stopped jobs when
# it finds the terminal gone before it is told so.
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGTERM])
os.write(1, b"ready\n")
signal.sigwaitinfo([signal.SIGHUP, signal.SIGTERM])
with open(sys.argv[1], "a") as out:
    out.write("hup\n")
'''
UNTIL_RUNS = r'''#!/bin/bash
# until-runs PID WORD...: returns when that process is this command, and no more what forked it.
until [[ $(tr '\0' ' ' <"/proc/$1/cmdline") == "${*:2} " ]]; do :; done
'''
RAW_BYTES = r'''
import os, termios, tty
old = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"\nready\r\n")
got = b""
while len(got) < 256 * 40:
    got += os.read(0, 65536)
termios.tcsetattr(0, termios.TCSADRAIN, old)
print(got == bytes(range(256)) * 40, len(got))
'''


def write(path, text, mode=0o755):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def prepare_ways():
    """What "inside" is, and the programs that cases use."""
    for way, line in WAYS.items():
        write(f"{HOME}/ways/{way}/inside", f"#!/bin/sh\n{line}\n")
    write(f"{HOME}/ways/count-signals", COUNTER)
    write(f"{HOME}/ways/raw-bytes.py", RAW_BYTES)
    write(f"{HOME}/ways/sizes", SIZES)
    write(f"{HOME}/ways/until-hup", UNTIL_HUP)
    write(f"{HOME}/ways/until-runs", UNTIL_RUNS)
    write(f"{HOME}/ways/bashrc", "PS1='@@ '\n")
    write(f"{HOME}/ways/prompt.fish", "function fish_prompt; echo -n 'ff> '; end\n")
    write(f"{HOME}/ways/bashrc-tmux", "PS1='tt> '\n")
    write(f"{HOME}/ways/inputrc", "set enable-bracketed-paste off\nset bell-style none\n")
    if os.path.exists("/etc/sudoers"):
        with open("/etc/shadow", encoding="utf-8") as file:
            shadow = [line for line in file if not line.startswith("alice:")]
        write("/etc/shadow", "".join(shadow) + "alice:*:20000:0:99999:7:::\n", 0o640)
        write("/etc/sudoers.d/reference", "Defaults use_pty, !env_reset, !secure_path\n"
              "alice ALL=(ALL) NOPASSWD:SETENV: ALL\n", 0o440)


def prepare_sshd():
    """An SSH server of the world's own, on its loopback, that lets alice in by a key."""
    key = f"{HOME}/ways/key"
    if os.path.exists(key) or not os.path.exists("/usr/sbin/dropbear"):
        return
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    with open(f"{key}.pub", encoding="utf-8") as file:
        write(f"{HOME}/.ssh/authorized_keys", file.read(), 0o600)
    subprocess.run(["chown", "-R", "alice:", key, f"{HOME}/.ssh"], check=True)
    subprocess.run(["dropbearkey", "-t", "ed25519", "-f", "/run/world/hostkey"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open("/run/world/log/dropbear", "wb") as log:
        subprocess.run(["/usr/sbin/dropbear", "-E", "-s", "-p", "127.0.0.1:2222", "-r", "/run/world/hostkey",
                        "-P", "/run/world/dropbear.pid"], check=True, stderr=log)


def prepare():
    prepare_ways()
    prepare_sshd()


def run_case(name, way):
    """The notes of one case, made by a process of its own."""
    script = (f"import sys; sys.path[:0] = [{HERE + '/lib/reference'!r}, {HERE!r}]; "
              f"import exec_reference as e; e.main_of_case({name!r}, {way!r}, '{HOME}/cases/{way}-{name}')")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=280,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, check=False)
    try:
        notes = json.loads(done.stdout)
    except ValueError:
        return [["broken off", f"no result: {done.stderr.strip()[-600:]}"]]
    return [[label, clean(value, way, name)] for label, value in notes]


def clean(value, way, name):
    """Names of files are of one run alone."""
    if isinstance(value, str):
        value = value.replace(f"{HOME}/ways/{way}/", "")
        value = value.replace(f"{HOME}/cases/{way}-{name}", "$D")
        return re.sub(r"/dev/pts/\d+", "/dev/pts/N", value)
    return value


def show(value):
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return repr(text) if len(text) < 1500 else repr(text[:1500]) + "…"


def compare(case, way, reference, notes):
    """(label, what it is plainly, what it is here, the reason why it must differ or None)"""
    before, after = dict(reference), dict(notes)
    found = []
    for label in list(before) + [label for label in after if label not in before]:
        if before.get(label) != after.get(label):
            if "broken off" in after and label not in after:
                continue  # it did not get as far as that
            found.append((label, before.get(label), after.get(label), case.reason(way, label)))
    return found


TROUBLE = ("broken off", "then there were", "the end")


def judge(case, way, results):
    """The differences of one case; a reference that did not work out is one."""
    reference = results.get((case.name, "plain"))
    notes = results[(case.name, way)]
    if reference is None:  # there is none: what has to be is in the case itself
        return [(label, None, value, None) for label, value in notes if label in TROUBLE]
    broken = [(label, None, value, None) for label, value in reference if label in TROUBLE]
    return [(f"the reference, {label}", *rest) for label, *rest in broken] or compare(case, way, reference, notes)


def tell(case, differences, out):
    wrong = [d for d in differences if d[3] is None]
    print(f"{'FAIL' if wrong else 'ok  '} {case.group}/{case.name}"
          + (f" ({len(differences) - len(wrong)} as they must be)" if len(differences) > len(wrong) else ""), file=out)
    for label, before, after, reason in differences:
        print(f"     {label}" + (f" (must be: {reason})" if reason else ""), file=out)
        if before is not None and isinstance(before, dict) and isinstance(after, dict):
            before, after = ({k: v for k, v in a.items() if v != b.get(k)} for a, b in
                             ((before, after), (after, before)))
        print(f"       plain: {show(before)}\n       here:  {show(after)}", file=out)
    return not wrong


def run_all(cases, way, jobs):
    work = [(case, w) for case in cases for w in ("plain", way)
            if not case.only or w in case.only]
    together = [(c, w) for c, w in work if not c.alone]
    alone = [(c, w) for c, w in work if c.alone]
    results = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(run_case, c.name, w): (c.name, w) for c, w in together}
        for future in concurrent.futures.as_completed(futures):
            results[futures[future]] = future.result()
    for c, w in alone:
        results[(c.name, w)] = run_case(c.name, w)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--way", choices=[way for way in WAYS if way != "plain"], default="nsctl")
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--table")
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    cases = [c for c in CASES.values() if (not options.group or c.group in options.group)
             and (not options.case or c.name in options.case)
             and (not c.only or options.way in c.only)]
    if options.list:
        print("\n".join(f"{c.group}/{c.name}" for c in cases))
        return 0
    if not cases:
        parser.error("no such case")
    prepare()
    if options.prepare:
        return 0
    results = run_all(cases, options.way, options.jobs)
    out = open(options.table, "w", encoding="utf-8") if options.table else sys.stdout
    judged = [(case, judge(case, options.way, results)) for case in cases]
    if not options.table:  # what failed comes first, where it is seen
        judged.sort(key=lambda one: all(reason for *_, reason in one[1]))
    good = [tell(case, differences, out) for case, differences in judged]
    print(f"{good.count(True)} of {len(good)} cases as plainly", file=out)
    return 0 if all(good) or options.table else 1


if __name__ == "__main__":
    sys.exit(main())
