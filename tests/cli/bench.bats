#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make bench in small: what it writes, and what it refuses. No figure is judged.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"

setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return
	bench=scripts/bench-servers
	# The table and the JSON are this test's, the programs those that are tested.
	export BUILD=$BATS_TEST_TMPDIR/build
	mkdir -p "$BUILD/bench"
	ln -s "$(realpath "$osconcepts")" "$BUILD/osconcepts"
	cc -O2 -D_GNU_SOURCE -o "$BUILD/bench/bare" tests/bench/bare.c
	cc -O2 -D_GNU_SOURCE -o "$BUILD/bench/bare_client" tests/bench/bare_client.c
}

# measured ARGUMENT…: one short round of the servers.
measured()
{
	run "$bench" --rounds 1 --duration 100ms --warmup 50ms "$@"
	((status != 77)) || skip "no control group can be made here"
}

field()
{
	jq -r ".rows[] | select(.server == \"$1\" and .case == \"$2\") | $3" "$BUILD/bench/servers.json"
}

@test "servers: the bound and the models that were asked for have rows, and the bound is 1" {
	measured --only bare-epoll --only epoll --only iterative --case keepalive-64 --case close-64
	((status == 0))
	[[ $(field bare-epoll keepalive-64 .of_bound) == 1 ]]
	[[ $(field epoll keepalive-64 '.requests // .runs[0].requests > 0') == true ]]
	[[ $(field epoll keepalive-64 '.rps_cpu > 0 and .rps_cpu_low <= .rps_cpu') == true ]]
	# One that takes a connection at a time has no part in a case of many.
	[[ ! $(field iterative keepalive-64 .case) ]]
	[[ $(field iterative close-64 .kind) == ours ]]
	[[ $output == *"| epoll |"* ]]
}

@test "servers: one that answers wrongly has no figure, and the run fails" {
	# A server that has ended is the worst of answers.
	printf '#!/bin/sh\nexit 3\n' >"$BATS_TEST_TMPDIR/nginx"
	chmod +x "$BATS_TEST_TMPDIR/nginx"
	PATH=$BATS_TEST_TMPDIR:$PATH measured --only nginx --only bare-epoll --case keepalive-64
	((status == 1))
	[[ $(field nginx keepalive-64 .failed) == *"status 3"* ]]
	[[ $(field nginx keepalive-64 .rps_cpu) == null ]]
	[[ $(field bare-epoll keepalive-64 '.rps_cpu > 0') == true ]]
}

@test "servers: wrong usage is told" {
	run -2 "$bench" --only none
	[[ $output == *"there is no such server; try one of"* ]]
	run -2 "$bench" --client-cpu 0 --server-cpu 0
	[[ $output == *"a CPU each"* ]]
	run -2 "$bench" --case none
	run -0 "$bench" --help
}

@test "load: each client has a row, and ratios are to wrk in the same round" {
	run scripts/bench-load --rounds 1 --seconds 1 --connections 4
	((status != 77)) || skip "no control group can be made here"
	((status == 0))
	run -0 jq -r '.rows[] | "\(.client) \(.rps > 0) \(.cpu_us > 0) \(.rps_of_wrk > 0)"' "$BUILD/bench/load.json"
	[[ ${lines[*]} == "bare-client true true true osconcepts true true true wrk true true true" ]]
	[[ $(jq '.rows[2].rps_of_wrk' "$BUILD/bench/load.json") == 1 ]]
}

@test "load: a client that fails is told" {
	printf '#!/bin/sh\necho no; exit 3\n' >"$BATS_TEST_TMPDIR/wrk"
	chmod +x "$BATS_TEST_TMPDIR/wrk"
	PATH=$BATS_TEST_TMPDIR:$PATH run scripts/bench-load --rounds 1 --seconds 1 --only wrk
	((status != 77)) || skip "no control group can be made here"
	((status == 1))
	[[ $output == *"status 3: no"* ]]
}
