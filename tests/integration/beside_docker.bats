#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Beside a real dockerd, with a container on its bridge: whoever comes first, both have their network,
# strangers have none, and after the last profile Docker goes on as if nsctl had never been there.

load lib/common

docker_files=/run/world/docker
cgroup=/world-$(</proc/sys/kernel/random/boot_id)-$(stat -Lc %i /proc/self/ns/net)

passes() {
	equal "$(inside "$1" curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

# The home's web server takes the host for its router to the Internet.
stranger() {
	on web curl -sS -m 1 http://198.51.100.80/
}

docker_answers() {
	docker info
}

docker_start() {
	dockerd --data-root $docker_files/data --exec-root $docker_files/exec -p $docker_files/pid \
		--cgroup-parent "$cgroup" --userland-proxy=false >>/run/world/log/dockerd 2>&1 3>&- 4>&- &
	disown
	wait_until docker_answers
}

docker_stop() {
	local pid
	pid=$(<$docker_files/pid)
	kill "$pid"
	wait_until is_gone "$pid"
}

# What a dockerd leaves when it ends, and what its containers' groups were below.
docker_remove() {
	[[ ! -e $docker_files/pid ]] || docker_stop
	ip -o link show type bridge | sed -n 's/^[0-9]*: \(docker0\|br-[0-9a-f]*\):.*/\1/p' |
		xargs -rn 1 ip link delete
	nft list tables | sed -n 's/^table \(ip6\? .*\)/\1/p' | xargs -rn 2 nft delete table
	! has_legacy || iptables-legacy-restore </run/world/no-legacy-rules
	sysctl -qw net.ipv4.ip_forward=0
	rm -rf /run/docker /run/docker.sock /run/containerd /etc/docker
	find /sys/fs/cgroup -depth -type d -path "*$cgroup*" -exec rmdir {} +
}

has_legacy() {
	[[ -e /run/world/no-legacy-rules ]]
}

# A program of the host's in a container that has nothing else.
container() {
	docker run --rm -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro empty "$@"
}

container_passes() {
	equal "$(container /usr/bin/curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

# What Docker's rules are.
rules() {
	iptables-save | grep -E '^(-A|:[A-Z-]+ [A-Z])' | sed 's/ \[.*//'
}

policy_is() {
	iptables -S FORWARD | grep -qx -- "-P FORWARD $1"
}

# Why none of it can be done here, if so.
reason_to_skip() {
	command -v dockerd >/dev/null || { echo "docker.io is not installed" && return; }
	docker_start >/dev/null 2>&1 ||
		{ echo "dockerd does not start here: $(tail -n 1 /run/world/log/dockerd)" && return; }
	tar -c --files-from /dev/null | docker import - empty >/dev/null
	container /usr/bin/true >/run/world/log/container 2>&1 ||
		echo "Docker runs no container here: $(tail -n 1 /run/world/log/container)"
}

prepare_file() {
	mkdir -p $docker_files/data
	mount -t tmpfs tmpfs $docker_files/data
	# Its tables stay once somebody asked for them.
	if iptables-legacy -t nat -nL >&2 && iptables-legacy -nL >&2; then
		iptables-legacy-save >/run/world/no-legacy-rules
	fi
	reason_to_skip >/run/world/docker-reason
	! command -v dockerd >/dev/null || docker_remove
	# A stranger's packets must really come by the host: no redirects from it.
	on web ip route replace 198.51.100.80 via 192.168.1.2
	sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
}

teardown_file() {
	! command -v dockerd >/dev/null || docker_remove
	nsctld_stop
	no_sanitizer_reports
}

prepare() {
	[[ ! -s /run/world/docker-reason ]] || skip "$(</run/world/docker-reason)"
	undo docker_remove
}

@test "Docker came first: profiles pass, containers pass, and Docker's rules are as before" {
	docker_start
	policy_is DROP # the control: Docker closes FORWARD
	rules >/run/world/docker-rules
	run -0 nsctl up vpn
	equal "$output" "vpn: up"
	passes vpn
	container_passes
	no_drift vpn
	nsctl down vpn
	rules | cmp - /run/world/docker-rules
	equal "$(sysctl -n net.ipv4.ip_forward)" 1
	container_passes
}

@test "networks that are made, and a dockerd that is restarted, while a profile is up" {
	docker_start
	nsctl up vpn
	docker network create other
	passes vpn
	equal "$(docker run --rm --network other -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro empty \
		/usr/bin/curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	docker_stop
	passes vpn
	docker_start
	passes vpn
	container_passes
	wait_until no_drift vpn
}

@test "Docker that comes when a profile is up gets its router, and nobody else does" {
	nsctl up vpn
	docker_start
	wait_until policy_is DROP
	container_passes
	passes vpn
	wait_until no_drift vpn
	run ! stranger
	grep -q "Docker was started after" /run/world/log/nsctld
	nsctl down vpn
	container_passes
	run ! stranger
	iptables -P FORWARD ACCEPT # the control: that was not for want of a way
	equal "$(on web curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

@test "what Docker drops by iptables-legacy: up tells it, and the commands that it tells help" {
	has_legacy || skip "this kernel has no iptables-legacy"
	ln -s /usr/sbin/iptables-legacy /run/world/bin/iptables
	undo "rm /run/world/bin/iptables"
	docker_start
	run -0 nsctl up vpn
	says "iptables-legacy drops what it does not know" DOCKER-USER nsctl0
	run ! inside vpn curl -sS -m 1 http://198.51.100.80/
	local told
	told=$(nsctl up vpn 2>&1 | sed -n 's/.*let nsctl0 through: //p')
	eval "$told"
	passes vpn
	container_passes
	run -0 nsctl up vpn
	equal "$output" "vpn: already up"
}
