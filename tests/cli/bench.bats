#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make bench in small: what it writes, what it refuses, and what it concludes from
# figures that are given. No figure of this machine is judged.

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

# measured ARGUMENT…: one short round of the servers. 4: the machine is busy, which
# is said of the figures, and is no matter here.
measured()
{
	run "$bench" --rounds 1 --duration 100ms --warmup 50ms "$@"
	((status != 77)) || skip "no control group can be made here"
}

field()
{
	jq -r ".rows[] | select(.program == \"$1\" and .case == \"$2\") | $3" "$BUILD/bench/servers.json"
}

# program NAME LINE…: instead of the one of that name.
program()
{
	local name=$1
	shift
	rm -f "$name"
	printf '%s\n' '#!/bin/sh' "$@" >"$name"
	chmod +x "$name"
}

# servers_json CASE SERVER=N,N,…: earlier runs, by requests per CPU second; a minus is
# an invalid run's. Of the event models is what has no dash.
servers_json()
{
	local case=$1
	shift
	printf '%s\n' "$@" | jq -Rn --arg case "$case" '
		{ schema: "osconcepts-bench-servers/2", duration: "1s", machine: { cpu: "a CPU", kernel: "1" },
		  rows: [inputs / "=" | {
			case: $case, program: .[0], kind: "ours", family: (if .[0] | test("-") then "none" else "event" end),
			runs: [.[1] / "," | .[] | tonumber | {
				rps_cpu: fabs, rps: fabs, server_busy: 1, p99_us: 1, client_limits: false,
				validity: (if . < 0 then { verdict: "invalid", why: ["9 % failed"] }
					else { verdict: "valid", why: [] } end) }] }] }
		| .rounds = (.rows[0].runs | length)' >"$BUILD/bench/servers.json"
}

@test "servers: the bound and the models that were asked for have rows, with what their load said" {
	measured --only bare-epoll --only epoll --only iterative --case keepalive-64 --case close-64
	((status == 0 || status == 4))
	[[ $(field epoll keepalive-64 '.runs[0] | .requests > 0 and .rps_cpu > 0 and .server_busy > 0') == true ]]
	[[ $(field bare-epoll keepalive-64 '.runs[0].validity.verdict') == @(valid|suspect|invalid) ]]
	# One that takes a connection at a time has no part in a case of many.
	[[ ! $(field iterative keepalive-64 .case) ]]
	[[ $(field iterative close-64 .kind) == ours ]]
	[[ $output == *"| epoll |"* ]]
	[[ $output == *"epoll, keepalive-64, at least 0.95 times bare-epoll's"* ]]
}

@test "servers: one that answers wrongly has no figure, and the run fails" {
	# A server that has ended is the worst of answers.
	program "$BATS_TEST_TMPDIR/nginx" 'exit 3'
	PATH=$BATS_TEST_TMPDIR:$PATH measured --only nginx --only bare-epoll --case keepalive-64
	((status == 1))
	[[ $(field nginx keepalive-64 .failed) == *"status 3"* ]]
	[[ $(field nginx keepalive-64 .rps_cpu) == null ]]
	[[ $(field bare-epoll keepalive-64 '.runs[0].rps_cpu > 0') == true ]]
}

@test "servers: one that answers nothing, and a load that tells nothing, are told" {
	program "$BUILD/osconcepts" "case \$1 in serve) echo '[]' ;; *) echo '{\"errors\": {}, \"requests\": 0}' ;; esac"
	measured --only bare-epoll --case keepalive-64
	((status == 1))
	[[ $(field bare-epoll keepalive-64 .failed) == "0 answers in "*"nothing to measure" ]]
	program "$BUILD/osconcepts" 'case $1 in serve) echo "[]" ;; *) echo no ;; esac'
	measured --only bare-epoll --case keepalive-64
	((status == 1))
	[[ $(field bare-epoll keepalive-64 .failed) == *"told no JSON: no"* ]]
}

@test "servers: wrong usage is told" {
	run -2 "$bench" --only none
	[[ $output == *"there is no such server; try one of"* ]]
	run -2 "$bench" --client-cpu 0 --server-cpu 0
	[[ $output == *"a CPU each"* ]]
	run -2 "$bench" --case none
	run -2 "$bench" --rounds 0
	[[ $output == *"--rounds: 0 is not a whole number from 1 up"* ]]
	run -2 "$bench" --duration 0s
	[[ $output == *"--duration: 0s is not a time above 0"* ]]
	run -1 "$bench" --render
	[[ $output == *"servers.json"*"try without --render" ]]
	run -0 "$bench" --help
}

@test "a bench says which of its programs are not built, and who builds them" {
	rm "$BUILD/bench/bare" "$BUILD/bench/bare_client"
	run -1 scripts/bench-load --rounds 1
	[[ $output == "bench-load: $BUILD/bench/bare, $BUILD/bench/bare_client: not built; try 'make -C $PWD bench-load', which builds and then measures" ]]
	rm "$BUILD/osconcepts"
	run -1 "$bench" --rounds 1
	[[ $output == "bench-servers: $BUILD/osconcepts, $BUILD/bench/bare: not built; try 'make -C $PWD bench-servers'"* ]]
	# What was measured can be told without them.
	servers_json keepalive-64 bare-epoll=1
	run -0 "$bench" --render
}

# A machine that has only what is in this test, and in /usr/sbin.
without_programs()
{
	PATH=$BATS_TEST_TMPDIR/nothing run "$@"
}

@test "a bench names the packages of the programs that it lacks, before it measures" {
	local name
	mkdir "$BATS_TEST_TMPDIR/nothing"
	touch "$BUILD/bench/mark" "$BUILD/bench/profile.so"
	without_programs scripts/bench-servers --rounds 1 --write
	((status == 77))
	[[ $output == *"bench-servers: not installed: "*"h2o (Debian package h2o)"* ]]
	without_programs scripts/bench-load --rounds 1 --write
	((status == 77))
	[[ $output == "bench-load: not installed: wrk (Debian package wrk); Documentation/load.md compares with"* ]]
	without_programs scripts/bench-profile --only keepalive-64:h2o --write
	((status == 77))
	[[ $output == "bench-profile: not installed: h2o (Debian package h2o); Documentation/servers.md compares"* ]]
	without_programs scripts/bench-kmod --write
	((status == 77))
	[[ $output == "bench-kmod: not installed: bpftrace (Debian package bpftrace), "*"perf (Debian package linux-perf)"* ]]
	# Each of the packages is one that is offered to be installed.
	for name in $(sed -n '/^PACKAGES = /,/}/p' scripts/benchlib.py | grep -o ': "[^"]*"' | tr -d ': "'); do
		scripts/deps --list bench | grep -q "^bench  *$name "
	done
}

@test "servers: without a peer it measures the others, and says what to install" {
	mkdir "$BATS_TEST_TMPDIR/nothing"
	without_programs "$bench" --rounds 1 --duration 100ms --warmup 50ms --only h2o --only bare-epoll --case keepalive-64
	((status != 77)) || skip "no control group can be made here"
	[[ $output == *"not installed: h2o (Debian package h2o): left out; try '$PWD/scripts/deps bench'"* ]]
	[[ $output == *"gnuplot (Debian package gnuplot-nox): there will be no picture"* ]]
	[[ $(field bare-epoll keepalive-64 '.runs[0] | .requests > 0') == true ]]
}

# Pages that a wrong rule may overwrite: not those of the checkout.
copy_of_tree()
{
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/tests"
	cp -r scripts Documentation README.md "$tree"
	cp -r tests/bench "$tree/tests"
}

@test "a page is not written with a table that lacks its peers, or one that failed" {
	local tree
	copy_of_tree
	servers_json keepalive-64 bare-epoll=100 epoll=97 nginx=80
	run -0 "$tree/scripts/bench-servers" --render --write
	[[ $output == *"Documentation/servers.md is left as it was: it would lack "*" h2o, "*" nginx of close-64, "* ]]
	cmp Documentation/servers.md "$tree/Documentation/servers.md"
	# One row of the guest's is of a tool that is not installed there.
	mkdir -p "$BUILD/bench/kmod-6.1-off"
	echo '[{ "workload": "yield", "tool": "cpudist", "command": "/usr/sbin/cpudist", "level": "time", "via": "",
		"targets": 0, "in_target": false, "instructions_per_event": null, "added": null, "reason": "not installed" }]' \
		>"$BUILD/bench/kmod-6.1-off/rows.json"
	run -0 "$tree/scripts/bench-kmod" --render --write
	[[ $output == *"Documentation/cost.md, as README.md, is left as it was: it would lack "*"cpudist on 6.1 (mitigations off)"* ]]
	cmp Documentation/cost.md "$tree/Documentation/cost.md"
	cmp README.md "$tree/README.md"
	mkdir "$BUILD/bench/profile"
	jq -n '{ kernel: "6.12", areas: ["user"], rows: [{ case: "keepalive-64", program: "epoll", areas: { user: 1000 } },
		{ case: "keepalive-64", program: "nginx", failed: "ended at once" }] }' >"$BUILD/bench/profile/rows.json"
	run -1 "$tree/scripts/bench-profile" --render --write
	[[ $output == *"Documentation/servers.md is left as it was: it would lack "*"keepalive-64:nginx"* ]]
	cmp Documentation/servers.md "$tree/Documentation/servers.md"
}

@test "hooks: the cells that were measured are renewed, and no other" {
	local tree
	copy_of_tree
	mkdir -p "$BUILD/bench/kmod-6.1-off"
	jq -n '[{ workload: "yield", tool: "osconcepts", command: "insmod osconcepts.ko", targets: 1, in_target: true,
		instructions_per_event: 5000, added: 1234, repeats: [1234, 1234, 1234] }]' >"$BUILD/bench/kmod-6.1-off/rows.json"
	run -0 "$tree/scripts/bench-kmod" --render --cells
	run -1 diff Documentation/cost.md "$tree/Documentation/cost.md"
	[[ ${#lines[@]} == 4 && ${lines[3]} == "> | switch | \`insmod osconcepts.ko\` | in a target | 1234 | "* ]]
	[[ $(cut -d'|' -f 6- <<<"${lines[1]}") == "$(cut -d'|' -f 6- <<<"${lines[3]}")" ]]
	run -1 diff README.md "$tree/README.md"
	[[ ${#lines[@]} == 4 && ${lines[3]} == "> | switch | "*" | 1234 / "* ]]
}

@test "load: a page is written by a run that has all clients, and by no other" {
	local tree
	copy_of_tree
	jq -n '{ schema: "osconcepts-bench-load/2", rounds: 1, seconds: 1, connections: 64,
		machine: { cpu: "a CPU", kernel: "1" }, rows: [
			(["osconcepts", "osconcepts-uring", "bare-client", "wrk"][] | { case: "keepalive-64", program: .,
				runs: [{ rps: 1, cpu_us: 1, client_busy: 1, validity: { verdict: "valid", why: [] } }] }),
			(["osconcepts-open", "osconcepts-closed", "wrk"][] | { case: "stall", program: .,
				stall: { seconds: 4, at_s: 1.5, stopped_s: 1, rate: 1000 },
				runs: [{ p50_us: 1, p99_us: 1, max_us: 1, stalled_s: 1, p99_of_stall: 1,
					validity: { verdict: "valid", why: [] } }] })] }' >"$BUILD/bench/load.json"
	run -0 "$tree/scripts/bench-load" --render --write
	[[ $output != *"left as it was"* ]]
	grep -q "of 1 s, 64 connections, a CPU, Linux 1;" "$tree/Documentation/load.md"
	jq '.rows |= map(select(.program != "wrk"))' "$BUILD/bench/load.json" >"$BATS_TEST_TMPDIR/less"
	mv "$BATS_TEST_TMPDIR/less" "$BUILD/bench/load.json"
	run -0 "$tree/scripts/bench-load" --render --write
	[[ $output == *"Documentation/load.md is left as it was: it would lack wrk"* ]]
}

@test "wrong values of a bench's options end with 2, before a guest boots" {
	run -2 scripts/bench-kmod --only none
	run -2 scripts/bench-kmod --repeats 0
	run -2 scripts/bench-kmod --timeout -1
	run -2 scripts/bench-kmod --many x
	run -2 scripts/bench-kmod --kernel 5.10
	run -2 scripts/bench-profile --only nginx
	[[ $output == *"--only nginx: not CASE:SERVER; try one such as keepalive-64:bare-epoll"* ]]
	run -2 scripts/million --models epol
	[[ $output == "million: --models epol: there is no such model; try some of iterative,fork"* ]]
	run -2 scripts/million --rate 0
	[[ $output == *"0 is not a whole number from 1 up"* ]]
}

@test "servers: goals are met or missed by the median of ratios in the same round" {
	# Twice as fast a machine in the third round is that in all rows.
	servers_json keepalive-64 bare-epoll=100,100,200,100,100,100 epoll=97,97,194,97,97,97 \
		epoll-et=94,94,188,94,94,94 nginx=80,80,160,80,80,80
	run -0 "$bench" --render
	[[ $output$'\n' == *"met: epoll, keepalive-64, at least 0.95 times bare-epoll's: 0.97 (0.97–0.97)"$'\n'* ]]
	[[ $output$'\n' == *"missed: epoll-et, keepalive-64, at least 0.95 times bare-epoll's: 0.94 (0.94–0.94)"$'\n'* ]]
	[[ $output == *"missed: the best event model, keepalive-64, at least 0.98 times bare-epoll's: epoll 0.97"* ]]
	[[ $output == *"met: the best event model, keepalive-64, at least 1.12 times nginx's: epoll 1.21"* ]]
	# Whose programs did not run is not spoken of.
	[[ $output != *h2o* && $output != *uring* ]]
	[[ $(jq -r '.goals[] | select(.ours == ["epoll-et"]) | .verdict' "$BUILD/bench/servers.json") == missed ]]
}

@test "servers: an interval that holds the goal is said, and so are too few rounds for one" {
	servers_json close-64 bare-fork=100,100,100,100,100,100 fork=80,84,86,86,90,92
	run -0 "$bench" --render
	[[ $output == *"met: fork, close-64, at least 0.85 times bare-fork's: 0.86 (0.80–0.92), the interval holds the goal"* ]]
	[[ $output == *"in brackets the 95 % interval"* ]]
	servers_json close-64 bare-fork=100,100,100,100,100 fork=86,86,86,90,92
	run -0 "$bench" --render
	[[ $output == *"0.86 (0.86–0.92), too few rounds to be sure"* ]]
	[[ $output == *"the lowest and the highest"* ]]
	[[ $output != *"95 %"* ]]
}

@test "servers: a goal for somewhere says where" {
	servers_json keepalive-64 epoll=100,100,100,100,100,100 uring=99,99,99,99,99,99
	run -0 "$bench" --render
	[[ $output == *"missed: uring, somewhere, ahead of epoll: keepalive-64 0.99"* ]]
	jq '.rows += [.rows[] | .case = "pipeline-16" | if .program == "epoll" then .runs[].rps_cpu = 90 else . end]' \
		"$BUILD/bench/servers.json" >"$BATS_TEST_TMPDIR/more"
	mv "$BATS_TEST_TMPDIR/more" "$BUILD/bench/servers.json"
	run -0 "$bench" --render
	[[ $output$'\n' == *"met: uring, somewhere, ahead of epoll: pipeline-16 1.10 (1.10–1.10)"$'\n'* ]]
}

@test "servers: an invalid run is in no figure and in no ratio, and half of them leave a row none" {
	servers_json keepalive-64 bare-epoll=100,100,100 epoll=96,-300,-300 poll=96,96,-300
	run -4 "$bench" --render
	[[ $(field poll keepalive-64 '"\(.rps_cpu) \(.rounds) \(.invalid_rounds) \(.of_bound.median)"') == "96 2 1 0.96" ]]
	[[ $(field epoll keepalive-64 '"\(.rps_cpu) \(.validity.verdict) \(.of_bound)"') == "null invalid null" ]]
	[[ $output == *"| epoll | — | — | — | — | INVALID |"* ]]
	[[ $output == *"not judged: epoll, keepalive-64, at least 0.95 times bare-epoll's"* ]]
	[[ $output == *"VALID: 9 % failed: keepalive-64 poll (1 of 3 rounds not used, too few are left for an interval)"* ]]
	[[ $output == *"INVALID: 9 % failed: keepalive-64 epoll"* ]]
}

@test "load: each client has a row, with its share of a CPU and a verdict" {
	run scripts/bench-load --case keepalive --rounds 1 --seconds 1 --connections 4
	((status != 77)) || skip "no control group can be made here"
	((status == 0 || status == 4))
	run -0 jq -r '.rows[] | .program as $p | .runs[0] | "\($p) \(.rps > 0) \(.cpu_us > 0) \(.client_busy > 0)"' \
		"$BUILD/bench/load.json"
	[[ ${lines[*]} == "bare-client true true true osconcepts true true true osconcepts-uring true true true wrk true true true" ]]
}

@test "load: a server that stands still is in p99 of the open loop, not of the closed one" {
	run scripts/bench-load --case stall --rounds 1 --only osconcepts-open --only osconcepts-closed
	((status != 77)) || skip "no control group can be made here"
	((status == 0 || status == 4))
	# It is the stall that is judged: in the longest of both, and of p99 in the one.
	run -0 jq -r '.rows[] | .program as $p | .runs[0] |
		"\($p) \(.stalled_s >= 1) \(.max_us > 900000) \(.p99_us > 500000)"' "$BUILD/bench/load.json"
	[[ ${lines[*]} == "osconcepts-open true true true osconcepts-closed true true false" ]]
}

@test "load: a case has its clients, and wrk's latencies are read in all their units" {
	run -2 scripts/bench-load --case stall --only bare-client
	[[ $output == *"--only bare-client has no part in --case stall"* ]]
	run -2 scripts/bench-load --case none
	program "$BATS_TEST_TMPDIR/wrk" "cat <<-END
		  Thread Stats   Avg      Stdev     Max   +/- Stdev
		    Latency   193.93ms  314.69ms   1.50s    83.50%
		    Req/Sec   110.75k    46.66k  138.23k    86.99%
		  Latency Distribution
		     50%  250.00us
		     75%  307.30ms
		     90%  771.20ms
		     99%  950.25ms
		  326418 requests in 4.00s, 27.39MB read
		Requests/sec:  81562.08
	END"
	PATH=$BATS_TEST_TMPDIR:$PATH run scripts/bench-load --case stall --rounds 1 --only wrk
	((status != 77)) || skip "no control group can be made here"
	((status == 0))
	jq -e '.rows[0].runs[0] | [.p50_us, .p99_us, .max_us] == [250, 950250, 1500000]' "$BUILD/bench/load.json"
	[[ $output == *"| wrk | 0.25 ms | 950.25 ms | 1500.00 ms | VALID |"* ]]
	# Without its latencies there is nothing to tell.
	program "$BATS_TEST_TMPDIR/wrk" 'echo "9 requests in 1s"' 'echo "Requests/sec: 9"'
	PATH=$BATS_TEST_TMPDIR:$PATH run -1 scripts/bench-load --case stall --rounds 1 --only wrk
	[[ $(jq -r '.rows[0].failed' "$BUILD/bench/load.json") == "it tells no latency: "* ]]
}

# load_of JSON: what is told of a run in which osconcepts load told that.
load_of()
{
	program "$BUILD/osconcepts" "timeout 1 sh -c 'while :; do :; done'" "echo '$1'"
	run scripts/bench-load --case keepalive --rounds 1 --seconds 1 --only osconcepts
	((status != 77)) || skip "no control group can be made here"
	jq -r '.rows[0] | .failed // "\(.runs[0].validity.why)"' "$BUILD/bench/load.json"
}

@test "load: a signal ends it, and the rounds that are whole are told" {
	local rounds=$BATS_TEST_TMPDIR/rounds told=$BATS_TEST_TMPDIR/told pid status=0
	program "$BATS_TEST_TMPDIR/wrk" "echo >>$rounds" 'echo "9 requests in 1s"' 'echo "Requests/sec: 9"' \
		'timeout 1 sh -c "while :; do :; done"' "[ \$(wc -l <$rounds) -lt 3 ] || exec sleep 60"
	echo whole >"$BUILD/bench/load.json"
	PATH=$BATS_TEST_TMPDIR:$PATH scripts/bench-load --case keepalive --seconds 1 --only wrk >"$told" 2>&1 3>&- &
	pid=$!
	third_round()
	{
		grep -q "cannot be made here" "$told" || { [[ -e $rounds ]] && (($(wc -l <"$rounds") == 3)); }
	}
	eventually third_round
	! grep "cannot be made here" "$told" || skip "no control group can be made here"
	kill -TERM "$pid"
	wait "$pid" || status=$?
	((status == 143))
	grep "stopped after 2 of 7 rounds" "$told"
	[[ $(jq -c '[.rounds, (.rows[0].runs | length)]' "$BUILD/bench/load.stopped.json") == "[2,2]" ]]
	[[ $(<"$BUILD/bench/load.json") == whole ]]
}

@test "load: that the client is busy is no doubt of the client, and others stay" {
	[[ $(load_of '{ "errors": {}, "requests": 9, "rps": 9, "validity": { "verdict": "suspect", "why":
		["the client was 99 % busy: the limit may be the client", "only 9 answers"] } }') == '["only 9 answers"'* ]]
	# The words are those of the verdict's rule.
	grep -q '"the client was %.0f %% busy: ' user/load/validity.c
}

@test "load: no answers, and what is not understood, are told" {
	[[ $(load_of '{ "errors": {}, "requests": 0, "rps": 0, "validity": { "verdict": "invalid", "why": [] } }') == \
		"0 answers in "*"nothing to measure" ]]
	[[ $(load_of 'no') == "what it tells is not understood: no" ]]
	program "$BATS_TEST_TMPDIR/wrk"
	PATH=$BATS_TEST_TMPDIR:$PATH run scripts/bench-load --case keepalive --rounds 1 --seconds 1 --only wrk
	((status == 1))
	[[ $(jq -r '.rows[0].failed' "$BUILD/bench/load.json") == "what it tells is not understood: nothing" ]]
	run -2 scripts/bench-load --rounds 0
	run -2 scripts/bench-load --connections none
}

@test "load: a client that fails is told" {
	program "$BATS_TEST_TMPDIR/wrk" 'echo no' 'exit 3'
	PATH=$BATS_TEST_TMPDIR:$PATH run scripts/bench-load --case keepalive --rounds 1 --seconds 1 --only wrk
	((status != 77)) || skip "no control group can be made here"
	((status == 1))
	[[ $output == *"status 3: no"* ]]
}

@test "load: the goals are beside wrk, and a median decides" {
	jq -n '{ schema: "osconcepts-bench-load/2", rounds: 6, seconds: 1, connections: 64,
		machine: { cpu: "a CPU", kernel: "1" },
		rows: [["osconcepts", 130, 8], ["osconcepts-uring", 137, 7], ["wrk", 100, 10] | {
			case: "keepalive-64", program: .[0], runs: [range(6) as $i | {
				rps: .[1], cpu_us: .[2], client_busy: 1, validity: { verdict: "valid", why: [] } }] }] }' \
		>"$BUILD/bench/load.json"
	run -0 scripts/bench-load --render
	[[ $output == *"met: osconcepts, requests per second, keepalive-64, at least 1.27 times wrk's: 1.30"* ]]
	[[ $output == *"missed: osconcepts, CPU per request, keepalive-64, at most 0.75 times wrk's: 0.80"* ]]
	[[ $output == *"missed: osconcepts-uring, requests per second, keepalive-64, at least 1.38 times wrk's: 1.37"* ]]
	[[ $output == *"met: osconcepts-uring, CPU per request, keepalive-64, at most 0.75 times wrk's: 0.70"* ]]
	# They are of a run without a stall, which is not spoken of.
	[[ $output != *stall* ]]
}

@test "load: the goals of a stall are by the time that the server was stopped" {
	stalled()
	{
		jq -n --argjson open "$1" --argjson closed "$2" '{ schema: "osconcepts-bench-load/2", rounds: 6, seconds: 1,
			connections: 64, machine: { cpu: "a CPU", kernel: "1" },
			rows: [["osconcepts-open", $open], ["osconcepts-closed", $closed] | {
				case: "stall", program: .[0], stall: { seconds: 4, at_s: 1.5, stopped_s: 1, rate: 1000 },
				runs: [range(6) as $i | { p50_us: 100, p99_us: (.[1] * 1e6), max_us: 1000000, stalled_s: 1,
					p99_of_stall: .[1], validity: { verdict: "valid", why: [] } }] }] }' >"$BUILD/bench/load.json"
		run -0 scripts/bench-load --render
	}
	stalled 0.5 0.09
	[[ $output == *"| osconcepts-open | 0.10 ms | 500.00 ms | 1000.00 ms | VALID |"* ]]
	[[ $output == *"met: osconcepts-open, p99 over the time stopped, stall, at least 0.5: 0.50"* ]]
	[[ $output == *"met: osconcepts-closed, p99 over the time stopped, stall, below 0.1: 0.09"* ]]
	stalled 0.49 0.1
	[[ $output == *"missed: osconcepts-open, p99 over the time stopped, stall, at least 0.5: 0.49"* ]]
	[[ $output == *"missed: osconcepts-closed, p99 over the time stopped, stall, below 0.1: 0.10"* ]]
}

@test "profile: a function belongs to one area" {
	[[ ! $(grep -v '^[#[]' tests/bench/areas | tr ' ' '\n' | grep . | sort | uniq -d) ]]
}

@test "profile: the table has the areas that take anything, and who failed is told" {
	mkdir "$BUILD/bench/profile"
	jq -n '{ kernel: "6.12", areas: ["user", "TCP/IP", "epoll", "other"], rows: [
		{ case: "keepalive-64", program: "epoll", areas: { user: 1000.4, "TCP/IP": 5000, epoll: 300, other: 0.1 } },
		{ case: "keepalive-64", program: "fork", areas: { user: 900, "TCP/IP": 5100 } },
		{ case: "keepalive-64", program: "nginx", failed: "ended at once" }] }' >"$BUILD/bench/profile/rows.json"
	run -1 scripts/bench-profile --render
	[[ $output == *"| case | server | all | user | TCP/IP | epoll |"$'\n'* ]]
	[[ $output == *"| keepalive-64 | epoll | 6,300 | 1,000 | 5,000 | 300 |"* ]]
	[[ $output == *"| keepalive-64 | fork | 6,000 | 900 | 5,100 | 0 |"* ]]
	[[ $output == *"keepalive-64 nginx: ended at once"* ]]
	run -2 scripts/bench-profile --timeout none
}
