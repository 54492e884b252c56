# SPDX-License-Identifier: GPL-2.0-or-later
"""Full-screen programs, shells with job control of their own, and what nsctl runs under."""
import re

from session import BASH, case
from terminal import PROMPT, Late, plain, until


@case("screen")
def vim_edits_a_file(s):
    s.type("inside vim -u NONE -N -n $D/text\r")
    s.shell.expect(r"~.*\x1b\[|~\s")
    s.type("ihello\x1b")
    s.shell.expect("hello")
    s.type("\x1a")
    s.shell.expect(re.escape(PROMPT))
    s.run("jobs")
    s.modes("while stopped")
    s.type("fg\r")
    s.shell.expect("hello")
    s.type("oworld\x1b:wq\r")
    s.ready()
    s.run("cat $D/text")
    s.modes("after")


@case("screen")
def less_shows_a_file_and_a_pipe(s):
    s.run("seq 500 >$D/text", note=False)
    for how in ("inside less $D/text", "inside seq 500 | less", "seq 500 | inside less",
                "inside seq 500 | inside less"):
        s.type(how + "\r")
        s.shell.expect(r"\n38\r?\n.*?(:|\x1b\[K)")
        s.type("G")
        s.shell.expect("500")
        s.type("?^123$\r")
        s.shell.expect("123")
        s.type("q")
        s.ready()
        s.run("echo ${PIPESTATUS[@]}", label=how)
        s.modes(how)


@case("screen")
def htop_starts_and_quits(s):
    s.type("inside htop\r")
    s.shell.expect("PID")
    s.type("q")
    s.ready()
    s.run("echo $?")
    s.modes("after")


def shell_inside(s, line, prompt):
    s.type(line + "\r")
    s.shell.expect(prompt)


@case("screen")
def bash_inside(s):
    shell_inside(s, f"inside {BASH}", re.escape(PROMPT))
    s.run("echo $-; shopt login_shell")
    s.run("set -o | grep monitor")
    s.start("bash -c 'echo ready; read -r x; echo \"<$x>\"'")
    s.type("\x1a")
    s.prompt("stopped inside")
    s.run("jobs")
    s.fg()
    s.type("line\n")
    s.prompt("continued inside")
    s.start("bash -c 'echo ready; exec sleep 1000'")
    s.type("\x03")
    s.prompt("interrupted inside")
    s.run("echo $?")
    job = s.background("bash -c 'read -r x' &")
    s.stopped(job)
    s.run("", note=False)
    s.run("jobs", label="jobs inside")
    s.type("fg\r")
    s.shell.expect("x'\r\n")
    s.type("line\n")
    s.ready()
    s.run("suspend; echo resumed", label="suspend")
    s.run("jobs", label="jobs outside")
    s.type("fg\r")
    s.prompt("back inside")
    s.type("exit 7\r")
    s.prompt("outside again")
    s.run("echo $?")
    s.modes("after")


@case("screen")
def zsh_inside(s):
    shell_inside(s, "inside env PS1=\"$ZSH_PROMPT\" zsh -f -i +Z", "zz> ")
    zsh_or_fish(s, "zz> ")


@case("screen")
def fish_inside(s):
    shell_inside(s, "inside fish --no-config --private -i -C 'source ~/ways/prompt.fish'", "ff> ")
    zsh_or_fish(s, "ff> ")


def zsh_or_fish(s, prompt):
    """These paint their line in many ways: only what commands say is noted."""
    def run(line, awaited):
        s.type(line + "\r")
        before, match = s.shell.expect(awaited)
        s.shell.expect(re.escape(prompt))
        s.note(line, plain(match.group()))
    run("echo x$((6 * 7))y" if "zz" in prompt else "echo x(math 6 x 7)y", "x42y")
    s.type("sh -c 'echo rea\"\"dy; read x; echo \"<$x>\"'\r")
    s.shell.expect(r"[\r\n]ready\r\n")
    s.type("\x1a")
    s.shell.expect(re.escape(prompt))
    run("jobs", r"(?i)(suspended|stopped)")
    s.type("fg\r")
    s.shell.expect("(?i)(continued|send job|ready)")
    s.type("line\n")
    s.shell.expect("<line>\r\n")
    s.shell.expect(re.escape(prompt))
    s.type("sh -c 'echo rea\"\"dy; exec sleep 1000'\r")
    s.shell.expect(r"[\r\n]ready\r\n")
    s.type("\x03")
    s.shell.expect(re.escape(prompt))
    run("echo status $status" if "ff" in prompt else "echo status $?", r"status \d+")
    s.type("exit 6\r")
    s.ready()
    s.run("echo $?")
    s.modes("after")


@case("screen", differs={"sudo": {"environment*": "sudo has no profile"}})
def inside_of_inside(s):
    s.run("inside inside bash -c 'echo deep; exit 3'; echo $?")
    s.start("inside inside bash -c 'echo ready; read -r x; echo \"<$x>\"'")
    s.type("\x1a")
    s.prompt("stopped")
    s.run("jobs")
    s.fg()
    s.type("line\n")
    s.prompt("continued")
    s.start("inside inside bash -c 'echo ready; exec sleep 1000'")
    s.type("\x03")
    s.prompt("interrupted")
    s.run("echo $?")
    s.run("inside bash -c 'inside cat' <<<through")
    s.run("inside inside stty size")
    s.modes("after")


def under(s, line, leave="exit\r"):
    """The same short session, in a shell that something else has started."""
    s.type(line + "\r")
    s.shell.expect(re.escape(PROMPT))
    s.run("inside bash -c 'echo hello; exit 3'; echo $?")
    s.start("inside bash -c 'echo ready; read -r x; echo \"<$x>\"'")
    s.type("\x1a")
    s.prompt("stopped")
    s.run("jobs")
    s.fg()
    s.type("line\n")
    s.prompt("continued")
    s.start("inside bash -c 'echo ready; exec sleep 1000'")
    s.type("\x03")
    s.prompt("interrupted")
    s.run("echo x | inside cat; inside echo y | cat")
    s.modes("inside")
    s.type(leave)
    s.ready()
    s.modes("after")


@case("screen")
def under_script(s):
    under(s, f"script -qec '{BASH}' /dev/null")


@case("screen")
def under_ssh(s):
    under(s, s.by_ssh(f"exec {BASH}"))


@case("screen")
def under_tmux(s):
    # tmux paints a screen: what is noted is that screen, taken when the text that ends it is there
    s.run("stty rows 40 cols 200", note=False)
    s.shell.resize(40, 200)
    shell = BASH.replace("bashrc", "bashrc-tmux")  # a prompt that is not the one outside
    tmux = f"tmux -L {s.mark} -f /dev/null"
    s.run(f"{tmux} new-session -d -x 100 -y 30 '{shell}'", note=False)

    def screen(awaited):
        def there():
            text = s.run(f"{tmux} capture-pane -p", note=False).rstrip("\n")
            return text if re.search(awaited, text) else None
        return until(there, awaited)

    def keys(*words):
        s.run(f"{tmux} send-keys " + " ".join(words), note=False)

    try:
        screen("^tt>")
        keys("\"inside bash -c 'echo ready; read -r x; echo \\\"<\\$x>\\\"'\"", "Enter")
        screen("\nready")
        keys("C-z")
        screen("Stopped.*\ntt>")
        keys("fg", "Enter")
        screen("tt> fg\n[^\n]*ready")
        s.before_typing()
        keys("line", "C-j")
        screen("<line>\ntt>")
        keys("'inside stty size'", "Enter")
        screen(r"\n\d+ \d+\ntt>")
        s.note("screen", plain(screen("tt> *$")))
    finally:
        try:
            s.run(f"{tmux} kill-server", note=False)
        except Late:
            pass


@case("screen")
def under_watch_and_timeout(s):
    s.run("timeout 10 inside bash -c 'echo in time'; echo $?")
    s.run("timeout --foreground 10 inside bash -c 'test -t 0 && echo a terminal'; echo $?")
    s.run("timeout -s TERM 0.3 inside sleep 1000 </dev/null; echo $?")
    s.run("timeout 0.3 inside sleep 1000; echo $?")
    s.run("env inside echo through env")
    s.run("nice inside echo through nice")
    s.run("xargs -a /dev/null inside echo through xargs; echo a b | xargs -n 1 inside echo")
    s.run("find $D -maxdepth 0 -exec inside echo through find ';'")
    s.modes("after")
