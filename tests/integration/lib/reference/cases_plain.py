# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams, pipelines, redirections, bytes and exit statuses."""
from session import case


@case("streams")
def status_of_the_command(s):
    for code in (0, 1, 42, 255):
        s.run(f"inside bash -c 'exit {code}'; echo $?")
    s.run("inside true && echo yes || echo no")
    s.run("inside false && echo yes || echo no")
    s.run("if ! inside false; then echo negated; fi")
    s.run("inside echo one; inside echo two")
    s.run("x=$(inside echo value); echo $? $x")


# The shell itself says "command not found" of a plain command, and nsctl or sudo say it in theirs.
NOT_THE_SHELL = {"words": "it is not the shell that looks for the command"}


@case("streams", differs={"nsctl": NOT_THE_SHELL, "sudo": NOT_THE_SHELL})
def commands_that_can_not_be_run(s):
    s.run("inside no-such-command; echo $?", note=False)
    s.note("not found", s.run("inside no-such-command 2>$D/e; echo $?", note=False))
    s.run("echo text >$D/text; chmod -x $D/text", note=False)
    s.note("not executable", s.run("inside $D/text 2>>$D/e; echo $?", note=False))
    s.note("a directory", s.run("inside /usr 2>>$D/e; echo $?", note=False))
    s.note("words", s.file("e").replace(s.directory, "DIR"))


@case("streams")
def death_by_each_signal(s):
    s.run("ulimit -c 0", note=False)
    for name in ("HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
                 "TERM", "BUS", "FPE", "ILL", "TRAP", "SYS", "XCPU", "VTALRM", "PROF"):
        s.run(f"inside bash -c 'kill -{name} $$'; echo $?")
        s.modes(name)


@case("streams")
def pipelines(s):
    s.run("echo a | inside cat; echo ${PIPESTATUS[@]}")
    s.run("inside echo b | cat; echo ${PIPESTATUS[@]}")
    s.run("echo c | inside tr c d | tr d e; echo ${PIPESTATUS[@]}")
    s.run("inside echo f | inside tr f g | inside cat; echo ${PIPESTATUS[@]}")
    s.run("inside yes | head -n 1; echo ${PIPESTATUS[@]}")
    s.run("inside bash -c 'exit 3' | inside bash -c 'exit 4'; echo ${PIPESTATUS[@]}")
    s.run("echo h | inside cat - /nonexistent 2>&1 | sort; echo ${PIPESTATUS[@]}")
    s.run("inside seq 200000 | tail -n 1")
    s.run("seq 200000 | inside sha256sum")
    s.run("inside bash -c 'echo out; echo err >&2' 2>&1 >/dev/null | tr a-z A-Z")
    s.run("! echo i | inside grep -q j; echo $?")
    s.modes("after")


@case("streams")
def redirections(s):
    s.run("inside bash -c 'echo out; echo err >&2' >$D/o 2>$D/e </dev/null; echo $?; cat $D/o $D/e")
    s.run("inside echo more >>$D/o; cat $D/o")
    s.run("inside cat <<<here")
    s.run("inside cat <$D/o >$D/p; cmp $D/o $D/p && echo equal")
    s.run("inside bash -c 'echo both; echo both >&2' &>$D/b; cat $D/b")
    s.run("inside cat <&-; echo $?", note=False)  # cat says it in words of its own
    s.run("inside echo full >/dev/full; echo $?")
    s.modes("after")


@case("streams")
def each_descriptor_is_a_terminal_or_not(s):
    look = "inside bash -c 'for i in 0 1 2; do test -t $i && echo $i terminal || echo $i other; done >$D/t'"
    s.run(look + "; cat $D/t")
    s.run("echo 'for i in 0 1 2; do test -t $i; echo $i $?; done >$D/t' >$D/look", note=False)
    for how in ("", "</dev/null", ">/dev/null", "2>/dev/null", "</dev/null >/dev/null",
                ">/dev/null 2>&1", "</dev/null 2>/dev/null", "</dev/null >/dev/null 2>&1"):
        s.run(f"inside bash $D/look {how}; xargs <$D/t")
    s.run("inside bash $D/look | cat; xargs <$D/t")
    s.run(": | inside bash $D/look; xargs <$D/t")
    s.run("inside bash -c 'test -r /dev/tty && : </dev/tty && echo it has a terminal' </dev/null | cat")


@case("streams")
def pipelines_in_the_background(s):
    s.run("echo x | inside cat >$D/f & wait $!; echo $?; cat $D/f")
    s.run("inside bash -c 'exit 5' </dev/null >/dev/null & wait $!; echo $?")
    s.run("inside seq 3 | inside sort -r >$D/g & wait $!; cat $D/g")
    # the job may be quicker than the shell, which says its number
    s.run("inside bash -c 'echo to the terminal' & wait $!; echo $?", ordered=False)
    s.run("for i in 1 2 3 4; do inside true & done; wait; echo all", note=False)
    s.run("jobs")
    s.modes("after")


@case("streams")
def what_is_typed_reaches_the_command(s):
    s.start("inside sh -c 'echo ready; exec cat'")
    s.type("one\n")
    s.shell.expect(r"one\r\none\r\n")
    s.type("two\n")
    s.shell.expect(r"two\r\ntwo\r\n")
    s.type("\x04")
    s.prompt("end of file")
    s.run("echo $?")
    s.start("inside sh -c 'echo ready >&2; exec head -n 1' | tr a-z A-Z")
    s.before_typing()
    s.type("to upper\n")
    s.prompt("into a pipe", ordered=False)
    s.start("inside bash -c 'echo ready; read -r x; echo \"<$x>\"'")
    s.type("erasex\x7fd word\x17line\n")
    s.prompt("the terminal edits the line")
    s.start("inside bash -c 'echo ready; read -n 1 x; echo \"<$x>\"'")
    s.type("k")
    s.prompt("one key")
    s.modes("after")


@case("streams")
def what_is_typed_too_early_is_for_the_next_command(s):
    s.start("inside bash -c 'echo ready; read -r x; echo \"<$x>\"'")
    s.type("mine\necho the shell has it\n")
    s.prompt("first")
    s.shell.expect(r"\nthe shell has it\r\n")
    s.prompt("second")


@case("streams")
def all_bytes_pass_a_raw_terminal(s):
    s.start("inside python3 ~/ways/raw-bytes.py")
    s.type(bytes(range(256)) * 40)
    s.prompt("256 values, 40 times")
    s.modes("after")


@case("streams")
def a_long_output_comes_whole(s):
    text = s.run("inside seq 60000", note=False)
    s.note("lines", text == "".join(f"{i}\n" for i in range(1, 60001)))
    text = s.run("inside bash -c 'printf %065536d 7'", note=False)
    s.note("one line", text.rstrip("\n") == "7".zfill(65536))
    s.run("inside bash -c 'seq 3000; kill -KILL $$' | tail -n 1")


@case("streams")
def size_of_the_terminal(s):
    s.run("inside stty size")
    # not at the prompt, which the shell would show again
    s.start("sh -c 'echo ready; read x'")
    s.shell.resize(33, 401)
    s.type("\n")
    s.ready()
    s.run("inside stty size")
    s.start("inside ~/ways/sizes")
    s.shell.resize(20, 300)
    s.shell.expect("20 300\r\n")
    s.shell.resize(21, 300)
    s.shell.expect("21 300\r\n")
    s.type("\x03")
    s.prompt("each once")
    s.start("inside bash -c 'echo ready; read -r x; stty size'")
    s.type("\x1a")
    s.prompt("stopped")
    s.start("sh -c 'echo ready; read x'")
    s.shell.resize(40, 400)
    s.type("\n")
    s.ready()
    s.fg()
    s.type("\n")
    s.prompt("it was resized meanwhile")


@case("streams")
def modes_are_those_of_the_users_terminal(s):
    s.run("inside stty -a", label="at first")
    s.run("stty erase ^H intr ^X -echoctl ixany; inside stty -a", label="others")
    s.run("stty sane; inside stty -a", label="sane")
    s.run("stty -onlcr; inside stty -a; stty onlcr", label="no onlcr")
    s.modes("after")
