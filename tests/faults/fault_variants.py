# SPDX-License-Identifier: GPL-2.0-or-later
"""More profiles that faults are tried with, and the hosts that they need."""
import dataclasses
import subprocess

from fault_host import FILE, World
from fault_look import PROFILE, wait_until

INSIDE = f"nsenter --net=/run/netns/{PROFILE} --mount=/run/nsctl/ns/{PROFILE}/mnt"

# What somebody may do to a profile that is up: take it away, or only change it.
GONE = f"""
for pin in /run/netns/{PROFILE} /run/nsctl/ns/{PROFILE}/mnt; do umount -l $pin; rm -f $pin; done
ip link del ns-{PROFILE}
nft delete table inet nsctl
kill $(pidof nsctl-aaaa)
"""
WRONG = f"""
ip netns exec {PROFILE} sysctl -qw net.ipv4.conf.all.accept_redirects=1 net.ipv6.conf.all.accept_ra=1
ip -n {PROFILE} route flush dev eth0
ip -n {PROFILE} address flush dev eth0
ip -n {PROFILE} link set eth0 mtu 1300 address 02:00:00:00:99:99 down
ip -n {PROFILE} link set lo down
for place in /sys /etc/resolv.conf /etc/hosts /etc/issue /srv /mnt; do {INSIDE} umount -l $place; done
bridge link set dev ns-{PROFILE} isolated off
ip link set ns-{PROFILE} nomaster down mtu 1300
nft flush table inet nsctl
sysctl -qw net.ipv4.ip_forward=0
"""
# A host whose firewall drops what it does not know, as ufw's or Docker's does.
DROPS = """nft add table ip filter
nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
"""
DOCKER = DROPS + "nft add chain ip filter DOCKER-USER\n"
NO_FILTER = "nft delete table ip filter\n"


@dataclasses.dataclass
class Variant:
    """A profile, what it needs of the host, and what somebody does to it."""
    text: str
    other: str              # what its file says later
    host: str = ""
    undo: str = ""
    gone: str = ""          # besides GONE and WRONG
    wrong: str = ""

    @staticmethod
    def shell(script):
        subprocess.run(["sh", "-c", script], check=False, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    def prepare_host(self):
        self.shell(self.host)

    def undo_host(self):
        self.shell(self.undo)

    def do_damage(self, kind):
        self.shell({"gone": GONE + self.gone, "wrong": WRONG + self.wrong}[kind])


ACCESS = "[access]\nusers = alice\n"

VARIANTS = {
    "plain": Variant(
        text=ACCESS + """[link]
address = 10.77.0.2/24
[dns]
nameserver = 9.9.9.9
host = 10.1.1.1 one
[mount]
tmpfs = /srv
""",
        other=ACCESS + """[link]
type = ptp
[mount]
bind = /srv:/mnt
""",
        gone="ip link del nsctl0",
        wrong="ip link set nsctl0 down; ip address flush dev nsctl0"),
    "ptp": Variant(
        text=ACCESS + """[link]
type = ptp
address = 10.77.0.2/30
mtu = 1400
mac = 02:00:00:00:57:01
[route]
add = 10.99.0.0/16 via 10.77.0.1
[mount]
bind = /srv:/mnt:ro
[aaaa]
run = inside
""",
        other=ACCESS + """[link]
bridge = nsctl0
isolate = no
[dns]
search = a.example
[mount]
bind = /srv:/mnt
tmpfs = /opt
""",
        host=DOCKER, undo=NO_FILTER,
        gone="nft flush chain ip filter DOCKER-USER",
        wrong=f"ip address flush dev ns-{PROFILE}; nft delete rule ip filter DOCKER-USER handle 2"),
    "existing": Variant(
        text=ACCESS + """[link]
bridge = br7
address = 10.78.0.2/24
[dns]
nameserver = 9.9.9.9, 9.9.9.10
search = a.example
options = timeout:1
host = 10.1.1.1 one
[aaaa]
run = outside
hook = forward
soa = yes
only = a.example
except = b.example
""",
        other=ACCESS + """[link]
bridge = nsctl0
nat = none
[aaaa]
run = inside
""",
        host=DROPS + """ip link add br7 type bridge && ip address add 10.78.0.1/24 dev br7
ip link set br7 up addrgenmode none
mkdir -p /run/nscd /run/avahi-daemon
nft add table inet firewalld && nft add chain inet firewalld filter_FORWARD
""",
        undo=NO_FILTER + """ip link del br7; rmdir /run/nscd /run/avahi-daemon
nft delete table inet firewalld
""",
        gone="nft flush chain ip filter FORWARD",
        wrong=f"{INSIDE} umount -l /run/nscd; nft flush chain ip filter FORWARD"),
    "made": Variant(
        text=ACCESS + """[link]
bridge = br8
address = 192.168.57.101/24
gateway = 192.168.57.1
nat = none
isolate = no
[mount]
tmpfs = /srv, /mnt
""",
        other=ACCESS + """[link]
bridge = br8
interface = eth1
nat = none
[route]
default = no
""",
        gone="ip link del br8", wrong="ip link set br8 down"),
    "alone": Variant(
        text=ACCESS + """[link]
type = none
[dns]
host = 10.1.1.1 one
""",
        other=ACCESS + "[link]\nbridge = nsctl0\n"),
}


class VariantWorld(World):
    """A host with one of them."""

    def __init__(self, daemon, variant):
        self.variant = variant
        variant.prepare_host()
        super().__init__(daemon, "[profile]\nrepair = yes\n" + variant.text)

    def write_profile(self, repair="yes", other=False):
        FILE.write_text(f"[profile]\nrepair = {repair}\n" +
                        (self.variant.other if other else self.variant.text), encoding="ascii")

    def status(self):
        """A responder that was killed is missing for a moment."""
        if "[aaaa]" in self.profile:
            wait_until(lambda: not World.status(self)["drift"])
        return super().status()

    def recover(self):
        super().recover()
        self.variant.do_damage("gone")
        self.variant.undo_host()
        self.variant.prepare_host()
        self.write_profile()
        self.daemon.stop(9)
        self.daemon.start()

    def remove_files(self):
        super().remove_files()
        self.variant.undo_host()
