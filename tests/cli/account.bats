#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The system calls that a server books of itself, against those that strace
# sees. Start and end make calls that are nobody's business and always the same:
# what strace has beyond the account must not depend on the load.

# run --separate-stderr sets $stderr.
# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	osconcepts=${BUILD:-$top/build}/osconcepts
	strace -f -c -o /dev/null true 2>/dev/null ||
		skip "strace is not there or may not trace here; try scripts/deps"
	# A sanitizer makes calls of its own.
	! nm "$osconcepts" 2>/dev/null | grep -q __asan_init || skip "a sanitized build"
	dir=$(mktemp -d /tmp/osc-bats.XXXXXX)
	cd "$dir" || return
	mkfifo ready
}

teardown()
{
	[[ -z ${tracer:-} ]] || kill -KILL "$tracer" 2>/dev/null
	[[ -z ${server:-} ]] || kill -KILL "$server" 2>/dev/null
	[[ -z ${dir:-} ]] || rm -rf "$dir"
}

# traced MODEL REQUESTS: serves them, of $path, five on a connection; leaves the files
# trace and account.
traced()
{
	local port
	strace -f -c -o trace -e trace="$calls" "$osconcepts" serve --model "$1" --port 0 --workers "$workers" \
		--ready-fd 9 --quiet --json 9>ready >account 3>&- &
	tracer=$!
	read -r port <ready
	server=$(pgrep -P "$tracer")
	"$osconcepts" load "http://127.0.0.1:$port$path" -n "$2" -k 5 -c 2 --json --no-progress >/dev/null || [[ $? == 4 ]]
	kill -TERM "$server"
	wait "$tracer"
	server='' tracer=''
	echo "$1: $(<account) $(<trace)"
}

# seen NAME…: how many of these calls strace has.
seen()
{
	awk -v names=" $* " 'index(names, " " $NF " ") { n += $4 } END { print n + 0 }' trace
}

booked()
{
	jq -s ".[-1].account | $1" account
}

# beyond: all calls that strace has beyond the account.
beyond()
{
	local all
	all=$(awk '$NF == "total" { print $4 }' trace)
	echo $((all - $(booked '.reads + .writes + .waits + .calls')))
}

# What a connection may take; the master that watches a worker makes others.
calls=ioctl,getsockopt,read,write,writev,sendto,sendfile,recvfrom,accept4,close,shutdown,epoll_ctl,epoll_pwait2,poll,ppoll,pselect6,io_uring_enter
workers=1
path=/

@test "what a loop or a process books are all calls that its connections cost" {
	for model in iterative select poll epoll epoll-et uring; do
		traced "$model" 20
		few=$(beyond)
		[[ $(booked '.requests') == 20 ]]
		traced "$model" 70
		echo "$model: $few, then $(beyond): $(<trace)"
		[[ $(beyond) == "$few" ]]
	done
}

@test "threads and children book their reads to the unit" {
	workers=8
	for model in fork thread pool leader pool-event; do
		traced "$model" 40
		[[ $(booked '.reads') == "$(seen recvfrom)" ]]
		(($(booked '.reads') >= 40 && $(booked '.writes') == 40))
	done
}

@test "an answer whose body is no text of ours is one write, head and all" {
	path=/bytes/4000
	workers=8
	for model in epoll epoll-et fork thread; do
		traced "$model" 20
		[[ $(booked '.requests') == 20 && $(booked '.writes') == 20 ]]
	done
}

@test "of a long body the pages are passed on: a call for the head, and one for them" {
	path=/bytes/100000
	workers=8
	for model in epoll epoll-et fork thread; do
		traced "$model" 20
		[[ $(booked '.requests') == 20 && $(seen sendfile) -ge 20 ]]
		[[ $(booked '.writes') == "$(seen sendto sendfile writev)" ]]
		# What little is left behind a short call is copied.
		[[ $(booked '.bytes_pages') -gt 1000000 ]]
		[[ $(booked '.bytes_out') -ge 2000000 ]]
	done
	traced uring 20
	[[ $(booked '.bytes_pages') == 0 && $(booked '.bytes_out') -gt 2000000 ]]
}
