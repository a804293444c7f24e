#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make million without a guest: which rows its table is of, what it does not measure
# again, and the time that it has.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	built=$(realpath "${BUILD:-$top/build}")
	export BUILD=$BATS_TEST_TMPDIR/build
	rows=$BUILD/million/rows.jsonl
	mkdir -p "$BUILD/million"
	ln -s "$built/osconcepts" "$BUILD/osconcepts"
	# A checkout whose guest is the test's.
	here=$BATS_TEST_TMPDIR/top
	mkdir -p "$here/scripts"
	ln -s "$top/scripts/million" "$here/scripts/million"
	ln -s "$top/tests" "$here/tests"
	million=$here/scripts/million
}

# row MODEL CONNECTIONS KERNEL RATE SECONDS OPENED [JSON]: a step of that, opened in so
# many seconds, by which it is told apart here.
row()
{
	jq -nc --arg model "$1" --argjson connections "$2" --arg kernel "$3" --argjson rate "$4" \
		--argjson seconds "$5" --argjson opened_s "$6" '{ $model, $connections, $kernel, $rate, $opened_s,
			seconds: ($seconds + 0.01), lost: 0, waits_per_request: 1, per_request: { context_switches_voluntary: 1 },
			bytes_per_connection: { kernel: 1, slab: 1, server: 1, client: 1, page_tables: 1, slabs: { TCP: 30 } }
		} + '"${7:-{\}}" >>"$rows"
}

# opened: model, connections and opened a second of each row of the first table.
opened()
{
	awk -F ' *[|] *' '/^[|] model/ { n++ } n == 1 && /[0-9]/ { printf "%s %s %s;", $2, $3, $4 }' <<<"$output"
}

@test "the table is of the rate, the kernel and the seconds that are asked for" {
	row epoll-multi 1000 6.1.0-50-amd64 500 20 10
	row epoll-multi 1000 6.1.0-50-amd64 300 20 20
	row epoll-multi 1000 6.12.1-amd64 500 20 50
	row epoll-multi 1000 6.1.0-50-rt-amd64 500 20 25
	row epoll-multi 1000 6.1.0-50-amd64 500 3 100
	row epoll-multi 1000 6.1.0 500 20 200 '{ guest: "debug", asked_seconds: 20.0 }'
	run -0 "$million" --render
	[[ $(opened) == "epoll-multi 1,000 100;" ]]
	[[ $output == *"Linux 6.1.0-50-amd64, 500 requests a second, 20 s a step."* ]]
	[[ $output == *"5 of 6 rows are of something else, and left out"* ]]
	run -0 "$million" --render --rate 300
	[[ $(opened) == "epoll-multi 1,000 50;" ]]
	run -0 "$million" --render --kernel 6.12
	[[ $(opened) == "epoll-multi 1,000 20;" ]]
	run -0 "$million" --render --kernel 6.1-rt
	[[ $(opened) == "epoll-multi 1,000 40;" ]]
	run -0 "$million" --render --seconds 3
	[[ $(opened) == "epoll-multi 1,000 10;" ]]
	run -0 "$million" --render --kernel debug
	[[ $(opened) == "epoll-multi 1,000 5;" ]]
	run -1 "$million" --render --rate 7
	[[ $output == *"no row of --kernel 6.1 --rate 7 --seconds 20"*"leave out --render" ]]
}

@test "the table is of the models and connections that are given, else of all" {
	row uring 1000 6.1.0-50-amd64 500 20 10
	row epoll-multi 20000 6.1.0-50-amd64 500 20 10
	row epoll-multi 1000 6.1.0-50-amd64 500 20 10
	run -0 "$million" --render
	[[ $(opened) == "epoll-multi 1,000 100;epoll-multi 20,000 2,000;uring 1,000 100;" ]]
	run -0 "$million" --render --models epoll-multi
	[[ $(opened) == "epoll-multi 1,000 100;epoll-multi 20,000 2,000;" ]]
	run -0 "$million" --render --connections 1000
	[[ $(opened) == "epoll-multi 1,000 100;uring 1,000 100;" ]]
}

# 40 MiB that the server takes once are no cost of a connection.
@test "memory is of each further connection: what is taken once stands apart" {
	for n in 1000 10000 1000000; do
		row uring "$n" 6.1.0-50-amd64 500 20 10 \
			"{ bytes_per_connection: { kernel: 8000, slab: 8000, server: (62 + 41943040 / $n), client: 186, page_tables: 1, slabs: {} } }"
	done
	run -0 "$million" --render
	[[ $(awk -F ' *[|] *' '/^[|] uring/ && NF > 11 { printf "%s %s;", $3, $11 }' <<<"$output") == \
		"1,000 40.1 MiB;10,000 62 ~;1,000,000 62;" ]]
}

@test "no two rows of the table are of the same step: the kernel measured last has it" {
	row uring 1000 6.1.0-49-amd64 500 20 10
	row epoll-multi 1000 6.1.0-49-amd64 500 20 10
	row uring 1000 6.1.0-50-amd64 500 20 20
	row uring 1000 6.1.0-50-amd64 500 20 40
	run -0 "$million" --render
	[[ $(opened) == "uring 1,000 25;" ]]
	[[ $output == *"Linux 6.1.0-50-amd64"* ]]
}

@test "a step is measured again for other seconds, another rate or another guest" {
	local release
	release=$(uname -r)
	row uring 1000 "$release" 500 20 10 '{ guest: "6.1", asked_seconds: 20.0 }'
	# left OPTION…: the steps that million.py has to do
	left()
	{
		run -0 python3 -B - "$top/tests/vm" "$rows" "$@" <<-'END'
			import argparse, sys
			sys.path.insert(0, sys.argv[1])
			import million
			args = argparse.Namespace(rows=sys.argv[2], connections=[1000], guest=sys.argv[3], rate=int(sys.argv[4]),
			                          seconds=float(sys.argv[5]))
			print(million.steps_left(sys.argv[6], args))
		END
	}
	left 6.1 500 20 uring
	[[ $output == "[]" ]]
	for other in "6.1 500 3 uring" "6.1 300 20 uring" "debug 500 20 uring" "6.1 500 20 epoll-multi"; do
		# shellcheck disable=SC2086
		left $other
		[[ $output == "[1000]" ]]
	done
}

@test "who reads no more of the table ends it without a word" {
	row uring 1000 6.1.0-50-amd64 500 20 10
	# Nobody reads from the start.
	local said=$BATS_TEST_TMPDIR/said
	{ sleep 0.2; "$million" --render 2>"$said" && status=0 || status=$?; echo "$status" >"$said.status"; } | true
	[[ $(<"$said.status") == 141 ]]
	# The picture has its line.
	! grep -v '^million: ' "$said"
}

@test "the time is of all guests together" {
	printf '%s\n' '#!/bin/bash' 'while [[ $1 != --timeout ]]; do shift; done' "echo \"\$2\" >>$BATS_TEST_TMPDIR/timeouts" \
		'sleep 2' >"$here/scripts/vm"
	chmod +x "$here/scripts/vm"
	run "$million" --connections 1000 --timeout 60
	((status != 77)) || skip "there is no memory for a guest here"
	run -0 awk 'NR == 1 && $1 > 55 && $1 <= 60 { first = $1 } NR == 2 { print (first && $1 <= first - 2) }' \
		"$BATS_TEST_TMPDIR/timeouts"
	[[ $output == 1 ]]
	run -124 "$million" --connections 1000 --timeout 2
	[[ $output == *"the 2 s of --timeout are over before the guest of tests/vm/million.py --models uring; "* ]]
	run -2 "$million" --timeout 0
}
