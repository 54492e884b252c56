#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What "nsctl aaaa" shows of a responder: the same numbers in every form, each right by the rules
# of those who read it; and a terminal that is given back as it was, however the view ends.

load lib/common

views=${integration:?}/lib/aaaa-views

prepare() {
	profile office <<-END
		[access]
		users = alice
		[link]
		address = auto
		[aaaa]
		run = inside
		hook = output
	END
	nsctl up office
	export TERM=xterm-256color
}

# ask N TYPE: queries from inside to the home's DNS server
ask() {
	equal "$(inside office python3 "$views" queries "$1" "$2" 192.168.1.1)" "$1"
}

answered() {
	nsctl aaaa --json office | jq .answered
}

@test "table, JSON and status say what was asked, and how it went" {
	ask 25 AAAA
	ask 10 A
	equal "$(answered)" 25
	equal "$(nsctl aaaa --json office | jq '[.latency.classes[].count] | add')" 25
	run -0 nsctl aaaa office
	[[ ${lines[0]} =~ ^NAME\ +SINCE\ +SEEN\ +ANSWERED\ +PASSED\ +ERRORS\ +P50\ +P99 ]]
	[[ ${lines[1]} =~ ^office\ +[0-9]+\ s\ +[0-9]+\ +25\ +[0-9]+\ +0\ +[0-9.]+\ [um]s\ +[0-9.]+\ [um]s ]]
	equal "$(nsctl status --json office | jq '.profiles[0].aaaa.answered')" 25
	# the responder is asked nothing any more
	nsctl status --json office | jq '.profiles[0].aaaa' >/run/world/status
	nsctl aaaa --json office >/run/world/counters
	equal "$(jq -cS '[.seen, .passed_by, .errors, .latency, .queue, .since]' /run/world/status)" \
		"$(jq -cS '[.seen, .passed, .errors, .latency, .queue, .since]' /run/world/counters)"
	equal "$(jq '.passed == ([.passed_by[]] | add)' /run/world/status)" true
	run -0 nsctl status office
	says "    AAAA responder: answered 25, passed $(jq .passed /run/world/status), errors 0"
	profile plain <<<"[link]"
	nsctl up plain
	run -0 nsctl status plain
	[[ $output != *responder* ]]
}

@test "Prometheus' text is right by the rules of its format, and has the same numbers" {
	ask 12 AAAA
	nsctl aaaa --prometheus office >/run/world/prometheus
	run -0 python3 "$views" prometheus </run/world/prometheus
	says "nsctl_aaaa_up{profile=office} 1" "nsctl_aaaa_answered_total{profile=office} 12" \
		"nsctl_aaaa_processing_seconds_count{profile=office} 12" \
		"nsctl_aaaa_processing_seconds_bucket{le=+Inf,profile=office} 12"
}

@test "Prometheus' text of two profiles has each metric once" {
	profile second <<-END
		[aaaa]
		run = inside
	END
	nsctl up second
	nsctl aaaa --prometheus office second >/run/world/prometheus
	run -0 python3 "$views" prometheus </run/world/prometheus
	says "nsctl_aaaa_up{profile=office} 1" "nsctl_aaaa_up{profile=second} 1"
}

@test "the plot is an SVG that refers to nothing, with a point for each second" {
	local seconds
	ask 2 AAAA
	wait_until sh -c "nsctl aaaa --plot - office | python3 '$views' svg /dev/stdin | grep -qE 'line main ([3-9]|[0-9]{2})'"
	nsctl aaaa --plot /run/world/plot.svg office
	run -0 python3 "$views" svg /run/world/plot.svg
	seconds=${lines[0]##* }
	equal "$(cut -d' ' -f2 <<<"$output" | xargs)" "main other main other bad"
	equal "${lines[4]##* }" "$seconds"
	# times are known only where there was an answer
	((${lines[2]##* } >= 1 && ${lines[2]##* } <= 2))
}

@test "a plot that can't be written is told, and leaves the old one" {
	echo old >/run/world/plot.svg
	refused "/nonexistent/x.svg" "No such file" -- nsctl aaaa --plot /nonexistent/x.svg office
	run -1 nsctl aaaa --plot /run/world/plot.svg nothing
	equal "$(cat /run/world/plot.svg)" old
}

@test "a plot goes where a link leads, into a device as it is, and leaves other files alone" {
	local directory=/run/world/plots
	mkdir $directory
	undo "rm -r $directory"
	mknod $directory/null c 1 3
	echo old >$directory/file
	ln -s file $directory/link
	echo neighbour | tee $directory/link.new $directory/file.new >$directory/null.new
	nsctl aaaa --plot $directory/null office
	equal "$(stat -c '%F %t,%T' $directory/null)" "character special file 1,3"
	nsctl aaaa --plot $directory/link office
	equal "$(readlink $directory/link)" file
	run -0 python3 "$views" svg $directory/file
	equal "$(cat $directory/{link,file,null}.new | uniq)" neighbour
	equal "$(ls $directory | xargs)" "file file.new link link.new null null.new"
	# what was written there before stays
	(echo before && nsctl aaaa --plot /dev/stdout office && echo after) >$directory/both
	equal "$(sed -n '1p;$p' $directory/both | xargs)" "before after"
}

@test "the live view ends by q, Ctrl-C, signals and Ctrl-Z with the terminal as it was" {
	local end
	ask 3 AAAA
	for end in q ctrl-c stop; do
		run -0 timeout 200 python3 "$views" watch $end nsctl aaaa --watch office
		says "office" "answers AAAA" "3 answered" "no colors" "status 0, the terminal is as it was"
	done
	for end in TERM HUP; do
		run -0 timeout 200 python3 "$views" watch $end nsctl aaaa --watch office
		says "the terminal is as it was"
		[[ $output != *"status 0"* ]]
	done
}

@test "a terminal that nobody reads does not keep the live view from being ended" {
	run -0 timeout 200 python3 "$views" stalled nsctl aaaa --watch office
	equal "$output" "status $((256 - 15))"
}

@test "errors are red, but not with NO_COLOR, and a dumb terminal gets lines" {
	run -0 env -u NO_COLOR timeout 200 python3 "$views" watch q nsctl aaaa --watch office
	says "colors"
	[[ $output != *"no colors"* ]]
	TERM=dumb script -qec "nsctl aaaa --watch office" /dev/null >/run/world/watch 2>&1 </dev/null &
	local watch=$!
	wait_until grep -q "errors 0" /run/world/watch
	pkill -xf "nsctl aaaa --watch office"
	wait $watch || true
	run -0 cat /run/world/watch
	[[ $output != *$'\033'* ]]
	says "answered 0 passed 0 errors 0"
}

@test "nsctld's end is told when the terminal is back" {
	nsctld_pid >/run/world/pid
	run -0 timeout 200 python3 "$views" watch wait nsctl aaaa --watch office </run/world/pid
	says "the terminal is as it was" "then: nsctl: nsctld has closed the connection"
	wait_until is_gone "$(nsctld_pid)"
	nsctld_start
}

@test "what is no terminal gets a line a second, or an object, until it is closed" {
	run -0 bash -c "timeout 100 nsctl aaaa --watch office | head -n 2"
	[[ ${lines[1]} =~ ^[0-9:]{8}\ answered\ 0\ passed\ 0\ errors\ 0\ p50\ -\ p99\ -$ ]]
	run -0 bash -c "timeout 100 nsctl aaaa --watch --json office | head -n 2"
	equal "$(jq -r .profile <<<"$output" | xargs)" "office office"
}

@test "the watch sees what happens while it looks, second by second" {
	ask 7 AAAA
	nsctl aaaa --watch --json office >/run/world/watch &
	wait_until grep -q . /run/world/watch
	ask 40 AAAA
	wait_until sh -c "[ \$(jq -s '.[-1].answered' </run/world/watch) = 47 ]"
	wait_until sh -c "[ \$(jq -s '[.[].history[].answered] | add' </run/world/watch) = 47 ]"
	kill $!
	wait $! || true
	# no second twice
	equal "$(jq -s '[.[].history[].time] | length' </run/world/watch)" \
		"$(jq -s '[.[].history[].time] | unique | length' </run/world/watch)"
}

@test "who may not use the profile can't look, and is not told whether there is one" {
	run -0 as alice nsctl aaaa office
	run -1 as mallory nsctl aaaa office
	local there=$output
	run -1 as mallory nsctl aaaa nothing-of-this-name
	equal "$output" "$there"
}

@test "what is down, or has no responder, is told so" {
	nsctl down office
	refused "office is not up" -- nsctl aaaa office
	profile plain <<<"[link]"
	nsctl up plain
	refused "plain has no AAAA responder" -- nsctl aaaa plain
	refused "no profile" -- nsctl aaaa nothing
}

@test "the watch ends when the profile goes down" {
	local status=0
	nsctl aaaa --watch office >/run/world/watch 2>&1 &
	wait_until grep -q answered /run/world/watch
	nsctl down office
	wait $! || status=$?
	equal $status 1
	run -0 cat /run/world/watch
	says "office is not up"
}

@test "who listens and does not read delays nobody and is not kept for" {
	python3 - <<-'END'
		import json, socket, time
		client = socket.socket(socket.AF_UNIX)
		client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		client.connect("/run/nsctl/nsctl.sock")
		for _ in range(3):
		    client.sendall(json.dumps({"method": "org.nsctl.Manager.Aaaa", "more": True,
		        "parameters": {"profile": "office", "history": True}}).encode() + b"\0")
		other = socket.socket(socket.AF_UNIX)
		other.settimeout(60)
		other.connect("/run/nsctl/nsctl.sock")
		other.sendall(json.dumps({"method": "org.nsctl.Manager.List"}).encode() + b"\0")
		assert other.recv(10)
	END
	kill -0 "$(nsctld_pid)"
}

@test "statistics that are nonsense harm neither nsctld nor the terminal" {
	local file=/run/nsctl/aaaa/office bytes
	head -c 300000 /dev/urandom >/run/world/noise
	cp "$file" /run/world/kept
	# in the file's place: the responder has its own mapped, which must not be cut
	mv "$file" "$file.kept"
	undo "[ ! -e $file.kept ] || mv $file.kept $file"
	for bytes in 0 1 300000; do
		head -c $bytes /run/world/noise >"$file"
		refused "can't read the statistics of office" -- nsctl aaaa office
		run -0 nsctl status office
	done
	# a right head, and noise behind it
	(head -c 16 /run/world/kept && tail -c +17 /run/world/noise | head -c $(($(stat -c %s /run/world/kept) - 16))) \
		>"$file"
	run -0 nsctl aaaa office
	[[ $output != *$'\033'* ]]
	kill -0 "$(nsctld_pid)"
	mv "$file.kept" "$file"
}
