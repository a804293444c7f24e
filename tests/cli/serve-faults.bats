#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts serve when things go wrong: hostile clients, dead workers, no
# descriptors, signals. Every model comes through, and its books stay right.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"

setup()
{
	servers=()
}

teardown()
{
	end_servers
}

# Processes of server $1, itself included, as long as they are not zombies.
alive()
{
	ps -o pid=,stat= --pid "$1" --ppid "$1" | awk '$2 !~ /^Z/ { print $1 }'
}

no_children()
{
	[[ -z $(pgrep -P "$server") ]]
}

@test "slow heads, silent connections and slow readers are ended by time" {
	for model in $(models); do
		start "$model" --header-timeout 400ms
		check slow_head
		stop
		(($(booked timeouts) == 1))
		# Long enough for a busy machine to send a request in time.
		start "$model" --idle-timeout 1s --write-timeout 300ms
		check idle
		check slow_reader
		# A client must not buy time byte by byte.
		check drip 3
		stop
		(($(booked timeouts) == 4)) || { echo "$model: $(booked timeouts) timeouts"; return 1; }
	done
}

@test "clients that reset at any moment leave nothing behind" {
	for model in $(models); do
		start "$model"
		check reset 70
		stop
		(($(booked accepts) == $(booked closes)))
	done
}

@test "SIGTERM under load loses no request of an accepted connection" {
	for model in $(models); do
		for keep in keep close; do
			start "$model"
			run -0 check under_load "$keep" "$server"
			ended 0
			# What was answered is what the clients saw; nobody is cut.
			(($(booked requests) == output))
			(($(booked accepts) == $(booked closes)))
			[[ $(tail -n 1 "$end") == *'"cut":0'* ]]
		done
	done
}

@test "after SIGTERM what was asked is answered and nobody new gets in" {
	for model in $(models); do
		start "$model"
		check in_flight "$server"
		ended 0
	done
}

@test "the grace is the longest that a stop takes" {
	for model in $(models); do
		start "$model" --grace 300ms
		check hold 3 0.1
		curl -s -m 20 "$url/sleep/15000000" 3>&- &
		sleep 0.3
		SECONDS=0
		stop
		((SECONDS < 8))
		[[ $(<"$messages") == *"1 connections cut"*"; try a longer --grace"* ]]
		wait $! || true
	done
}

@test "a second signal, a while later, ends the server at once with exit 1" {
	for model in $(models); do
		start "$model"
		curl -s -m 20 "$url/sleep/15000000" 3>&- &
		sleep 0.3
		kill -TERM "$server"
		# The same signal twice, as timeout(1) sends it, is one.
		kill -TERM "$server"
		sleep 0.5
		kill -0 "$server"
		SECONDS=0
		kill -TERM "$server"
		ended 1
		((SECONDS < 8))
		wait $! || true
	done
}

@test "a killed worker is counted and mended" {
	for model in $(models); do
		start "$model"
		timeout 60 /usr/bin/python3 "$client" hold "$port" 2 30 3>&- &
		local holder=$! victim
		eventually pgrep -P "$server" >/dev/null
		sleep 0.3
		victim=$(pgrep -P "$server" | head -n 1)
		kill -KILL "$victim"
		eventually test ! -e "/proc/$victim"
		for _ in 1 2 3 4 5; do
			[[ $(curl -sS --retry 20 --retry-connrefused --retry-delay 0 "$url/") == "Hello, world" ]]
		done
		kill "$holder"
		wait "$holder" || true
		stop
		(($(booked worker_deaths) == 1)) || { echo "$model: $(booked worker_deaths)"; return 1; }
		(($(booked accepts) == $(booked closes)))
		(($(booked forks) == $(booked worker_exits) + 1))
	done
}

@test "a loop of several dies: the others go on, its successor takes its queue" {
	start epoll --workers 3
	(($(pgrep -c -P "$server") == 3))
	for _ in 1 2 3; do
		kill -KILL "$(pgrep -P "$server" | head -n 1)"
		for _ in {1..12}; do
			[[ $(curl -sS -m 10 "$url/") == "Hello, world" ]]
		done
	done
	(($(pgrep -c -P "$server") == 3))
	stop
	(($(booked worker_deaths) == 3 && $(booked forks) == 6 && $(booked requests) == 36))
}

@test "no worker outlives a killed server, and no zombie stays" {
	local child children
	for model in $(models); do
		start "$model"
		timeout 60 /usr/bin/python3 "$client" hold "$port" 3 30 3>&- &
		local holder=$!
		eventually pgrep -P "$server" >/dev/null
		children=$(pgrep -P "$server")
		kill -KILL "$server"
		wait "$server" || true
		for child in $children; do
			eventually gone "$child"
		done
		kill "$holder"
		wait "$holder" || true
	done
}

# Dead: reaped, or a zombie of whoever adopted it.
gone()
{
	[[ ! -e /proc/$1/stat ]] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

@test "the children of fork are gone when their connections are" {
	start fork
	ab -q -n 200 -c 10 "$url/" >/dev/null
	eventually no_children
	stop
	(($(booked forks) == $(booked accepts) && $(booked worker_exits) == $(booked forks)))
	(($(booked closes) == $(booked accepts) && $(booked requests) >= 200))
}

@test "no descriptors left: accepting pauses, nothing spins, all are served in the end" {
	for model in $(models); do
		(
			ulimit -n 40
			# More than fit, so that accept itself fails.
			start "$model" --max-connections 1000 --idle-timeout 500ms
			check hold 60 0.5
			check waiting 100
			stop
			(($(booked accepts) == 160 && $(booked refused) == 0))
			# A fork server gives its descriptors away.
			[[ $model == fork ]] || (($(booked accept_pauses) > 0))
			# A loop that spun would have waited a million times.
			(($(booked accept_pauses) < 200 && $(booked epoll_waits) < 2000))
		) || { echo "model $model"; return 1; }
	done
}

@test "at --max-connections the rest wait, and are served" {
	for model in $(models); do
		start "$model" --max-connections 4
		check hold 8 0.5
		check waiting 40
		stop
		(($(booked accepts) == 48 && $(booked accept_pauses) > 0 && $(booked refused) == 0))
		(($(booked accept_pauses) < 200 && $(booked epoll_waits) < 2000))
	done
}

@test "no more processes to be had: 503, and recovery" {
	((EUID == 0)) || skip "root, to be somebody without processes of their own"
	command -v setpriv >/dev/null || skip "setpriv"
	local run_as=(setpriv --reuid 61234 --clear-groups --bounding-set -all)
	"${run_as[@]}" test -x "$osconcepts" || skip "the build cannot be read by others"
	mkfifo "$BATS_TEST_TMPDIR/ready"
	prlimit --nproc=4 "${run_as[@]}" "$osconcepts" serve --model fork --port 0 --json --ready-fd 9 \
		9>"$BATS_TEST_TMPDIR/ready" 3>&- >"$BATS_TEST_TMPDIR/end.json" 2>"$BATS_TEST_TMPDIR/messages" &
	server=$! end=$BATS_TEST_TMPDIR/end.json messages=$BATS_TEST_TMPDIR/messages
	servers+=("$server")
	read -r -t 20 port <"$BATS_TEST_TMPDIR/ready"
	timeout 60 /usr/bin/python3 "$client" hold "$port" 3 3 3>&- &
	sleep 0.5
	[[ $(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/") == 503 ]]
	wait $! || true
	eventually no_children
	[[ $(curl -sS "http://127.0.0.1:$port/") == "Hello, world" ]]
	stop
	(($(booked refused) == 1 && $(booked responses_5xx) == 1))
}
