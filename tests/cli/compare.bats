#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts compare, with the counters of /proc: what the module adds is
# tested in the guest. A daemon with a stand-in for the load generator or the
# server (--osconcepts) shows what happens when these lie or die.

# run --separate-stderr sets $stderr.
# shellcheck disable=SC2154
bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/wait.bash
source "$BATS_TEST_DIRNAME/lib/wait.bash"

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	build=${BUILD:-$top/build}
	osconcepts=$build/osconcepts
	options=(compare --backend procfs -c 2 -r 1)
	dir=$(mktemp -d /tmp/osc-bats.XXXXXX)
	sock=$dir/s
	cd "$dir" || return
	# Whether this machine is idle enough for its times is not asked here.
	export OSCONCEPTS_EMULATED=1
}

teardown()
{
	[[ -z ${daemon:-} ]] || kill -KILL "$daemon" 2>/dev/null
	rm -rf "$dir"
}

# quick [OPTION…]: few and short runs
quick()
{
	"$osconcepts" "${options[@]}" -n 40 "$@"
}

# timed -d TIME [OPTION…]: the same by time
timed()
{
	"$osconcepts" "${options[@]}" "$@"
}

# stand_in: a daemon whose osconcepts is the script on standard input, with
# $real for the true one
stand_in()
{
	printf '#!/bin/bash\nreal=%q dir=%q\n' "$osconcepts" "$dir" >"$dir/osconcepts"
	cat >>"$dir/osconcepts"
	chmod +x "$dir/osconcepts"
	"$build/osconceptsd" --backend procfs --socket "$sock" --osconcepts "$dir/osconcepts" 2>"$dir/log" 3>&- &
	daemon=$!
	eventually test -S "$sock"
}

# Nothing that serves or loads in our directory's name, or as a child of ours.
nothing_left()
{
	! pgrep -f "account /tmp/osconceptsd[.].*--ready-fd 3 --quiet$" -P "${1:-$$}" >/dev/null
}

@test "three models in two modes: a table, a document, a page" {
	run -0 --separate-stderr quick --json c.json --html c.html
	[[ $output == *"VOL/REQ"*"REQ/s"*"source procfs"* ]]
	[[ $stderr == *"[6/6]"* ]]
	run -0 jq -r '[.runs[] | .model + " " + .mode] | join(",")' c.json
	[[ $output == "fork keepalive,fork close,thread keepalive,thread close,epoll keepalive,epoll close" ]]
	run -0 jq -r '.schema, .source, .overall.ok, .platform.emulated, .partial' c.json
	[[ $(xargs <<<"$output") == "osconcepts-compare/3 procfs true true false" ]]
	# As many connections as the mode has it, and forks as many as those.
	run -0 jq -c '[.runs[] | select(.model == "fork") | [.requests, .connections, .server.forks]]' c.json
	[[ $output == "[[40,2,2],[40,40,40]]" ]]
	run -0 jq -c '[.runs[] | .kernel.epoll_wakeups] | unique' c.json
	[[ $output == "[null]" ]]
	grep -q '</html>' c.html
	[[ $(find . -type f | wc -l) == 2 ]]
}

@test "a matrix: each model in each mode under each load, load by load" {
	run -0 --separate-stderr quick --models fork,epoll --keepalive no -c 1,2 --work 0,50us --io 0,30ms -n 10 \
		--json c.json --html c.html
	[[ $(grep '^==' <<<"$output") == "== 1 connection ==
== 2 connections ==
== 1 connection, 50us of work ==
== 2 connections, 50us of work ==
== 1 connection, 30ms of io ==
== 2 connections, 30ms of io ==
== 1 connection, 50us of work, 30ms of io ==
== 2 connections, 50us of work, 30ms of io ==" ]]
	[[ $stderr == *"[16/16]"* ]]
	run -0 jq -c '[.config | .concurrency, .work_us, .io_us, .connections]' c.json
	[[ $output == "[[1,2],[0,50],[0,30000],2]" ]]
	run -0 jq -c '[.summary[] | [.model, .mode, .concurrency, .work_us, .io_us]] | unique | length' c.json
	[[ $output == 16 ]]
	# What was asked for was done.
	run -0 jq -c '[.runs[] | select(.model == "epoll" and .work_us > 0) | .per_request.cpu_us >= .work_us] | all' c.json
	[[ $output == true ]]
	run -0 jq -c '[.runs[] | select(.io_us > 0) | .latency_us.p50 >= 30000] | all' c.json
	[[ $output == true ]]
	grep -q 'close, 2 connections, 50.*s of work, 30.*s of io<' c.html
	# A picture of each number over the connections, under each of the other loads.
	[[ $(grep -c '^<desc>A curve for each model .* fork: .* at 1, .* at 2[.] epoll: ' c.html) -ge 40 ]]
	grep -q '^<h3>close, 50.*s of work</h3>' c.html
}

# The client sends one request at a time and each connection the same number, so
# that what a process or thread of its own makes of it is known to the unit.
@test "system calls and bytes per request are those that were made" {
	run -0 --separate-stderr quick --models thread,epoll --modes keepalive -n 40 -c 2 --json c.json
	[[ $output == *"CALL/REQ"*"VAIN/WT"* ]]
	# The C library makes further calls for a thread: a lower bound.
	calls=${output#*CALL/REQ}
	[[ $calls =~ thread\ +keepalive\ +(≥|>=)[0-9.]+ && ! $calls =~ epoll\ +keepalive\ +(≥|>=)[0-9.]+ ]]
	# Per connection: a request each, and the end.
	run -0 jq -c '.runs[0] | .server | [.reads, .reads_empty, .writes, .waits]' c.json
	[[ $output == "[42,0,40,0]" ]]
	run -0 jq -c '.runs[0].calls | [.events_per_wait, .absent.events_per_wait, .empty_per_read]' c.json
	[[ $output == '[null,"it has no loop that waits for events",0]' ]]
	run -0 jq -c '[.runs[] | (.server | .reads + .writes + .waits + .calls) / .requests == .calls.system_calls_per_request,
		(.server | .bytes_in + .bytes_out - .bytes_pages) / .requests == .calls.bytes_copied_per_request] | all' c.json
	[[ $output == true ]]
	run -0 jq -c '[.summary[].calls | .system_calls_per_request.median > 2, (has("absent") | not)] | all' c.json
	[[ $output == true ]]
	[[ $(jq '.summary[1].calls.events_per_wait.median >= 1' c.json) == true ]]
}

# A server that has taken its pool costs little for each further connection: the
# pool is no part of it. Slab is of the whole system, so nothing is asked of it.
@test "each further connection: a process and a thread have a stack each, a loop has none" {
	run -0 --separate-stderr quick --models iterative,fork,thread,epoll --modes close -c 8 --no-progress --json c.json
	[[ $output == *"FLT/CONN"*"MEMORY"*"TABLES KiB"* ]]
	run -0 jq -c '[.runs[].held.points | length >= 4]' c.json
	[[ $output == "[false,true,true,true]" ]]
	# Different numbers of connections, all more than the load had.
	run -0 jq -c '[.runs[1:][].held.points | map(.connections) | . == (. | unique) and .[0] > 8] | all' c.json
	[[ $output == true ]]
	run -0 jq -r '.summary[0] | .memory.total, .memory.absent.total, .per_connection.absent.page_faults_minor' c.json
	[[ $output == "null"*"it takes one connection at a time"*"it takes one connection at a time" ]]
	run -0 jq -c '[.summary[1:][].memory.kernel_stacks | [.low, .slope, .high] | map(round)]' c.json
	[[ $output == "[[16384,16384,16384],[16384,16384,16384],[0,0,0]]" ]]
	# A thread's stack is a mapping of its own, of which it has touched some.
	[[ $(jq '.summary[2].memory | .user_stacks.slope >= 4096 and .user_stacks.low <= .pss.high' c.json) == true ]]
	# A process has page tables of its own.
	[[ $(jq '.summary[1].memory | .page_tables.low > 16384 and .pss.low > 4096' c.json) == true ]]
	# What epoll took once, in pages or huge ones, is no cost of a connection.
	[[ $(jq '.summary[3].memory | .pss.slope < 512 and .pss.fixed > .pss.slope and .user_stacks.low <= 0 and
		.page_tables.slope < 512' c.json) == true ]]
	# Faults and switches of setting one up, exact but for what a loop takes together.
	[[ $(jq '.summary | .[1].per_connection.page_faults_minor.low > 5 and .[2].per_connection.page_faults_minor.low > 0.5 and
		.[3].per_connection.page_faults_minor.slope < 0.2' c.json) == true ]]
	# Nothing of it is in the counts of the run.
	[[ $(jq -c '[.runs[] | .connections == 40 and (.audit | all(.ok))] | all' c.json) == true ]]
}

# A cost that cannot be told from zero has its upper end behind the sign, of the
# fixed part as of the slope; text and page say what the document has.
@test "fixed and marginal memory are told by one rule in text, document and page" {
	run -0 --separate-stderr quick --models fork,thread,epoll --modes close -r 2 --no-progress --json c.json --html c.html
	TEXT="$output" run /usr/bin/python3 - <<'PYTHON'
import html, json, os, re

document = json.load(open("c.json"))
page = html.unescape(open("c.html").read()).replace("\u202f", " ")
cells = {"fixed": re.findall('data-label="Memory, fixed, once"><span>(.*?)<', page),
         "slope": re.findall('data-label="Memory per further connection"><span>(.*?)<', page)}
rows = [line for line in os.environ["TEXT"].split("MEMORY\n")[1].split("Memory of each")[0].splitlines() if " + " in line]
assert len(rows) == len(document["summary"]) == len(cells["fixed"]) == len(cells["slope"]) == 3, (rows, cells)
for i, row in enumerate(document["summary"]):
    memory = row["memory"]
    assert memory["slab"]["fixed"] is None and memory["slab"]["fixed_high"] is None
    assert [memory["total"][k] for k in ("fixed", "fixed_low", "fixed_high")] == \
        [memory["own"][k] for k in ("fixed", "fixed_low", "fixed_high")]
    kinds = {k: max(memory[k]["high"], 0) - max(memory[k]["low"], 0)
             for k in ("pss", "page_tables", "kernel_stacks", "slab")}
    assert kinds[memory["total"]["widest"]] == max(kinds.values()), kinds
    fixed, slope = rows[i].split(" + ")
    for name, told, cell in (("fixed", fixed, cells["fixed"][i]), ("slope", slope, cells["slope"][i])):
        low, value, high = (memory["total"][k] for k in
                            (("fixed_low", "fixed", "fixed_high") if name == "fixed" else ("low", "slope", "high")))
        bound = low <= 0 < high
        assert bound == bool(re.search(r"(≤|<=)[0-9.]+ (B|KiB|MiB)$", told)), (name, low, high, told)
        assert bound == cell.startswith("≤ "), (name, low, high, cell)
        if not bound and (value - low >= value or high - value >= value > 0):
            assert ".." in told, (name, low, value, high, told)
PYTHON
	echo "$output"
	[[ $status == 0 ]]
}

@test "a server that takes fewer connections than were tried says how many" {
	run -0 --separate-stderr quick --models thread --workers 3 --modes close --no-progress --json c.json
	run -0 jq -r '.runs[0].held | (.points | length), .absent.total' c.json
	[[ $(xargs <<<"$output") == "0 it took 3 of 16 connections" ]]
}

# Six runs are as few as say anything; counts of loops are steady.
@test "who wins is said where it is sure, and only from six runs on" {
	run -0 --separate-stderr quick --models prefork,poll --modes close --no-progress -r 6 --json c.json --html c.html
	[[ $(xargs -d '\n' <<<"$output" | tr -s ' ') == *"What is sure, close: "*"poll faults least when a connection is set up after a load of 2 connections: "* ]]
	[[ $(jq -r '[.verdicts[] | select(.metric == "page_faults_minor") | .model, .next] | join(" ")' c.json) == "poll prefork" ]]
	# Each says why, or what was looked at.
	[[ $(jq -c '[.verdicts[] | (.why + .looked_at | length) > 0] | all' c.json) == true ]]
	# Its times mean nothing here.
	[[ $(jq -c '[.verdicts[].metric] | contains(["rps"])' c.json) == false ]]
	grep -q '<li>poll faults least when' c.html
	run -0 --separate-stderr quick --models prefork,poll --modes close -r 5 --no-progress --json c.json
	[[ $output == *"cannot be said"* && $(jq -c .verdicts c.json) == "[]" ]]
}

@test "no model wins where one that was run could not be measured, and it is named" {
	run -0 --separate-stderr quick --models iterative,prefork,poll --modes close --no-progress -r 6 --json c.json --html c.html
	[[ $(jq -c '[.verdicts[].metric] | contains(["total"]) or contains(["own"]) or contains(["page_faults_minor"])' c.json) == false ]]
	[[ $(xargs -d '\n' <<<"$output" | tr -s ' ') == *"What is left open, close: "*"memory per further idle connection after a load of 2 connections: no number for iterative (it takes one connection at a time)."* ]]
	[[ $(jq -r '[.undecided[] | select(.metric == "total") | .left_out[].model] | join(" ")' c.json) == iterative ]]
	grep -q 'no number for iterative (it takes one connection at a time)' c.html
}

@test "all models, and those of a family; each once" {
	run -0 --separate-stderr quick --models all --modes close --json c.json
	[[ $(jq -r '(.config.models + .config.left_out) | sort | join(" ")' c.json) == \
		$("$osconcepts" serve --list --json | jq -r '[.[].model] | sort | join(" ")') ]]
	[[ $(jq -r '[.summary[].model] == .config.models' c.json) == true ]]
	run -0 --separate-stderr quick --models thread,all-thread,all-hybrid --modes close --json c.json
	[[ $(jq -r '.config.models | join(" ")' c.json) == "thread pool leader pool-event epoll-offload prefork-epoll" ]]
	run -2 --separate-stderr quick --models all-sorts
	[[ $stderr == *"--models 'all-sorts'"*"; try"* ]]
}

@test "what was stopped goes on where it was, and only there" {
	stand_in <<'SCRIPT'
[[ $1 == load ]] && { echo >>"$dir/loads"; [[ -e $dir/well || $(wc -l <"$dir/loads") -lt 3 ]] || exit 1; }
exec "$real" "$@"
SCRIPT
	resume() { quick --socket "$sock" --models fork,epoll -r 2 --json c.json --resume "$@"; }
	# Where there is nothing yet it begins; what ended before a failure is kept.
	run -1 --separate-stderr resume
	[[ $stderr == *"[2/8]"*"load generator failed"* && $output == *"Stopped early"* ]]
	[[ $(jq -c '[.partial, (.runs | length)]' c.json) == "[true,2]" ]]
	cp c.json two.json
	touch well
	run -0 --separate-stderr resume
	[[ $stderr == *"2 runs are there already"*"[3/8]"*"[8/8]"* && $stderr != *"[2/8]"* ]]
	[[ $(jq -c '[.partial, (.runs | length)], (.runs[:2] == $two[0].runs), ([.summary[].runs] | unique)' \
		--slurpfile two two.json c.json | xargs) == "[false,8] true [2]" ]]
	# Nothing is left to do.
	run -0 --separate-stderr resume
	[[ $stderr != *"[8/8]"* && $(wc -l <loads) == 9 ]]
	run -2 --separate-stderr resume -c 1
	[[ $stderr == *"another comparison"* ]]
	# An older format does not mark lower bounds: its runs are not mixed in.
	cp c.json whole.json
	jq '.schema = "osconcepts-compare/2"' whole.json >c.json
	run -2 --separate-stderr resume
	[[ $stderr == *"'c.json' has the format 'osconcepts-compare/2'"*"; try another file"* ]]
	[[ $(jq -r '.schema, (.runs | length)' c.json | xargs) == "osconcepts-compare/2 8" ]]
	echo '{' >c.json
	run -1 --separate-stderr resume
	[[ $stderr == *"cannot read 'c.json'"* && $(<c.json) == '{' ]]
}

# The runs differ widely: spreads are many and the numbers small.
@test "the tables fit 80 columns, in any locale" {
	# With times and their validity, which is the stand-in's.
	export OSCONCEPTS_EMULATED=0
	stand_in <<'SCRIPT'
[[ $1 == load ]] || exec "$real" "$@"
"$real" "$@" | jq ".rps *= $((RANDOM % 9 + 1)) | .latency_us.p99 *= $((RANDOM % 9 + 1)) |
	.validity = {verdict: \"suspect\", why: [\"the client waited $((RANDOM % 15 + 5)) % of the run for a CPU: others had it; try --cpus\"]}"
SCRIPT
	for locale in C C.UTF-8; do
		run -0 --separate-stderr env LC_ALL=$locale "$osconcepts" "${options[@]}" -n 2000 -r 2 --socket "$sock"
		echo "$output"
		LC_ALL=C.UTF-8
		for line in "${lines[@]}"; do
			((${#line} <= 80))
		done
		[[ $output == *"2/2 (2 suspect)"* ]]
		# keepalive in each of the five tables
		[[ $(grep -c '^\(fork\|thread\|epoll\) *keepalive ' <<<"$output") == 15 ]]
	done
	[[ $output != *"+-"* ]]
}

@test "the document is as its schema says" {
	/usr/bin/python3 -c 'import jsonschema' || skip "no python3-jsonschema; try scripts/deps"
	quick --models thread,epoll --no-progress --json - >c.json
	run -0 /usr/bin/python3 - "$top/Documentation/compare.schema.json" c.json <<'PYTHON'
import json, sys
import jsonschema

schema, document = (json.load(open(name)) for name in sys.argv[1:])
jsonschema.Draft202012Validator(schema).validate(document)
PYTHON
}

@test "rounds begin one further on each time" {
	run -0 quick --models fork,epoll --modes keepalive -r 3 --no-progress --json -
	[[ $(jq -r '[.runs[] | .model + (.run | tostring)] | join(" ")' <<<"$output") == \
		"fork1 epoll1 epoll2 fork2 fork3 epoll3" ]]
	[[ $(jq -c '[.summary[] | .runs, .per_request.page_faults_minor.n]' <<<"$output") == "[3,3,3,3]" ]]
}

@test "tasks that began and ended between two looks at /proc make lower bounds" {
	run -0 --separate-stderr quick --source procfs --models thread,epoll --modes close -n 200 -c 2 --json c.json
	# Each connection has had a thread, and few of them were seen.
	jq -e '.runs[0] | .model == "thread" and .kernel.lost > 50 and
		.kernel.standing.context_switches_voluntary.standing == "lower-bound"' c.json
	jq -e '.runs[1] | .kernel.lost == 0 and
		(.kernel.standing | map_values(.standing) == {epoll_callbacks: "absent", epoll_wakeups: "absent"})' c.json
	jq -e '.summary | map({(.model): .standing.context_switches.standing}) | add == {thread: "lower-bound", epoll: null}' c.json
	counts=${output%%CALL/REQ*}
	[[ $counts =~ thread\ +close\ +200\ +(≥|>=)[0-9.]+ && $counts =~ epoll\ +close\ +200\ +[0-9] ]]
	# How far apart lower bounds lie says nothing; counts have separators.
	run -0 --separate-stderr quick --source procfs --models thread --modes close -n 1500 -c 2 -r 2 --no-progress
	[[ $output =~ "Lost: "[0-9]{1,3}(,[0-9]{3})+" times" ]]
	grep -qE '(≥|>=)[0-9]' <<<"$output"
	run -1 grep -E '(≥|>=)[0-9.,]+ ?(±|\+-)' <<<"$output"
	# Nothing that is only known to be at least this wins by being little.
	jq -e '[.verdicts[] | select(.metric == "context_switches") | .model] | index("thread") == null' c.json
}

@test "a duration gives samples over time and a correlation" {
	run -0 timed --models epoll --modes keepalive -d 3s --interval 40ms --no-progress --json -
	[[ $(jq '.runs[0].samples | length >= 9' <<<"$output") == true ]]
	[[ $(jq '[.runs[0].samples[].t_s] | . == sort' <<<"$output") == true ]]
	[[ $(jq '.runs[0].correlation | .n >= 8 and (.context_switches_voluntary | type == "number")' <<<"$output") == true ]]
}

@test "wrong usage ends with 2 and does nothing" {
	run -2 --separate-stderr quick --models fork,fork
	[[ $stderr == *"each once"* ]]
	run -2 quick --modes sideways
	run -2 quick --connections 0
	run -2 quick --connections 1,,2
	run -2 --separate-stderr quick --connections 1,2,1
	[[ $stderr == *"once"* ]]
	run -2 quick --keepalive maybe
	run -2 quick --work 1.5us
	run -2 quick --work 2s
	run -2 quick --io 0,0us
	run -2 quick --work 1us --path /
	run -2 quick --resume
	run -2 quick --resume --json -
	run -2 quick --runs none
	run -2 quick --path index.html
	run -2 quick --server-cpus 1-0
	run -2 quick --server-cpus 4096
	run -2 quick --backend magic
	run -2 quick --json x --html x
	run -2 quick --colour
	run -2 quick extra
	run -2 --separate-stderr quick --models epoll,nonsense --modes close
	[[ $stderr == *"--models 'nonsense'"*"; try"* && $stderr != *"[1/"* ]]
	run -2 --separate-stderr quick -d 1s
	[[ $stderr == *"--duration and --requests"* ]]
	run -2 --separate-stderr timed -d 1s -n 5
	[[ $stderr == *"--duration and --requests"* ]]
	# No server is started that would refuse it.
	run -2 --separate-stderr quick --models epoll,iterative --workers 7
	[[ $stderr == "osconcepts compare: --workers 7: iterative takes up to 1; try --workers 1, or --models without iterative" ]]
	run -2 --separate-stderr quick --models
	[[ $stderr == "osconcepts compare: --models: its value is missing"* ]]
	[[ $(find . -type f | wc -l) == 0 ]]
}

@test "a place that cannot be written is found before the first run" {
	run -1 --separate-stderr quick --json no/such/file
	[[ $stderr == *"no/such/file"* && $stderr != *"[1/"* ]]
	run -1 --separate-stderr quick --html .
	[[ $stderr != *"[1/"* ]]
	run -1 --separate-stderr quick --models epoll --modes close --json /dev/full
	[[ $stderr == *"/dev/full"*"No space left"* ]]
	[[ $(find . -type f | wc -l) == 0 ]]
}

@test "no daemon to be had ends with 77" {
	run -77 --separate-stderr quick --socket "$sock"
	[[ $stderr == *"cannot reach osconceptsd"*"; try to start one: "*"osconceptsd --socket $sock" ]]
	[[ ! -e /proc/osconcepts ]] || skip "the module is loaded here"
	run -77 --separate-stderr quick --backend module
	[[ $stderr == *"module"* ]]
}

@test "an audit that does not hold fails the command, with both numbers" {
	stand_in <<'SCRIPT'
[[ $1 == load ]] || exec "$real" "$@"
"$real" "$@" | jq '.connections_opened += 1'
SCRIPT
	run -1 --separate-stderr quick --socket "$sock" --models epoll --modes close --json c.json
	[[ $output == *"server_accepts"*"40"*"41"*"independent <= kernel"* ]]
	run -0 jq -c '.overall.ok, .summary[0].audit_ok, (.runs[0].audit[] | select(.ok | not) | [.counter, .kernel, .independent])' c.json
	[[ $(xargs <<<"$output") == "false false [server_accepts,40,41]" ]]
}

@test "a load that is not valid ends with 4, and withholds times alone" {
	stand_in <<'SCRIPT'
[[ $1 == load ]] || exec "$real" "$@"
"$real" "$@" | jq '.validity = {verdict: "invalid", why: ["the client was the bottleneck"]}'
exit 4
SCRIPT
	run -4 --separate-stderr env OSCONCEPTS_EMULATED=0 "$osconcepts" "${options[@]}" \
		--socket "$sock" --models epoll --modes close --json c.json
	[[ $output == *"Not valid"*"1 run: the client was the bottleneck"* && $output == *"0/1"* ]]
	run -0 jq -c '.summary[0] | [.rps, .latency_us.p99, (.per_request.context_switches_voluntary | type)]' c.json
	[[ $output == '[null,null,"object"]' ]]
	run -0 env OSCONCEPTS_EMULATED=1 "$osconcepts" "${options[@]}" \
		--socket "$sock" --models epoll --modes close
	[[ $output == *"The CPU is emulated: "* && $output != *"their times are"* ]]
}

@test "suspect times are kept and marked, reasons told once, in our own flags" {
	stand_in <<'SCRIPT'
[[ $1 == load ]] || exec "$real" "$@"
echo >>"$dir/runs"
case $(wc -l <"$dir/runs") in
1) v='"suspect", why: ["the client waited 5.5 % of the run for a CPU: others had it; try --cpus"]' ;;
2) v='"valid", why: []' ;;
3) v='"invalid", why: ["the client waited 31 % of the run for a CPU: others had it; try --cpus"]' ;;
4) v='"suspect", why: ["the client waited 18 % of the run for a CPU: others had it; try --cpus", "late (p99)"]' ;;
esac
"$real" "$@" | jq ".validity = {verdict: $v}"
SCRIPT
	run -0 --separate-stderr env OSCONCEPTS_EMULATED=0 "$osconcepts" "${options[@]}" -r 4 \
		--socket "$sock" --models epoll --modes close --json c.json --html c.html
	[[ $output == *" 3/4 (2 suspect) "* ]]
	text=$(xargs -d '\n' <<<"$output" | tr -s ' ')
	[[ $text == *"withheld: 1 run: the client waited 31 % of the run for a CPU: others had it; try --client-cpus Suspect"* ]]
	[[ $text == *": 2 runs: the client waited 5.5 to 18 % of the run for a CPU: others had it; try --client-cpus 1 run: late (p99)" ]]
	[[ $stderr == *"[1/4]"*"  suspect"*"[3/4]"*"  not valid"* ]]
	run -0 jq -c '.summary[0] | [.valid, .suspect, .rps.n, .latency_us.p99.n]' c.json
	[[ $output == "[3,2,3,3]" ]]
	run -0 jq -c '[.runs[] | [.verdict, .valid]]' c.json
	[[ $output == '[["suspect",true],["valid",true],["invalid",false],["suspect",true]]' ]]
	[[ $(grep -o 'try --[a-z-]*' c.html c.json | sort -u) == $'c.html:try --client-cpus\nc.json:try --client-cpus' ]]
}

@test "a server that dies in mid-run fails the run, and nothing is left" {
	stand_in <<'SCRIPT'
[[ $1 == serve ]] && echo $$ >"$dir/server"
[[ $1 == load ]] && { sleep 0.3; kill -KILL "$(<"$dir/server")"; }
exec "$real" "$@"
SCRIPT
	run -1 --separate-stderr timed --socket "$sock" --models thread --modes keepalive -d 20 --json c.json
	[[ $stderr == *"the thread server was killed by signal 9"* ]]
	[[ ! -e c.json && ! -e /proc/$(<server) ]]
	eventually nothing_left "$daemon"
	# And the daemon goes on.
	run -1 --separate-stderr timed --socket "$sock" --models fork --modes keepalive -d 20
	[[ $stderr == *"the fork server was killed"* ]]
}

@test "a load generator that dies or talks nonsense fails the run" {
	stand_in <<'SCRIPT'
[[ $1 == load ]] || exec "$real" "$@"
case $(cat "$dir/how") in
die) kill -KILL $$ ;;
fail) exit 1 ;;
nonsense) echo '[1' ;;
endless) yes ;;
esac
SCRIPT
	for how in "die:killed by signal 9" "fail:exit code 1" "nonsense:cannot read what" "endless:signal 9"; do
		echo "${how%%:*}" >how
		run -1 --separate-stderr quick --socket "$sock" --models thread --modes close
		echo "$how: $stderr"
		[[ $stderr == *"load generator"*"${how#*:}"* || $stderr == *"${how#*:}"*"load generator"* ]]
	done
	eventually nothing_left "$daemon"
}

@test "Ctrl-C ends the run under way and keeps those before it" {
	# The command itself, not a shell that runs a function.
	env --default-signal=INT "$osconcepts" "${options[@]}" --models epoll --modes keepalive -r 50 -d 300ms --json c.json >table 2>err 3>&- &
	pid=$!
	eventually grep -q '^\[2/50\]' err
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	echo "$(<err) $(<table)"
	[[ $status -eq 1 ]]
	grep -q "Stopped early" table
	[[ $(jq '.partial' c.json) == true ]]
	runs=$(jq '.runs | length' c.json)
	((runs >= 2 && runs < 50))
	eventually nothing_left "$pid"
}

@test "a command that is killed leaves nothing running" {
	"$osconcepts" "${options[@]}" --models epoll --modes keepalive -d 30 --json c.json 2>err 3>&- &
	pid=$!
	child() { own=$(pgrep -P "$pid" osconceptsd) && pgrep -P "$own" >pids && (($(wc -l <pids) == 2)); }
	eventually child
	kill -KILL "$pid"
	wait "$pid" || true
	for p in $own $(<pids); do
		gone() { [[ ! -e /proc/$p ]]; }
		eventually gone
	done
}

# A minute, as a real one must not be taken for hung on a busy machine.
@test "a daemon that hangs is given up, and ended with all it started" {
	# It is a minute of waiting.
	[[ -z ${SAN-} ]] || skip "nothing of it is about memory; the plain build does it"
	"$osconcepts" "${options[@]}" --models epoll --modes keepalive -d 300 --interval 100ms 2>err 3>&- &
	pid=$!
	child() { own=$(pgrep -P "$pid" osconceptsd) && pgrep -P "$own" >pids && (($(wc -l <pids) == 2)); }
	eventually child
	kill -STOP "$own"
	status=0
	wait "$pid" || status=$?
	echo "$(<err)"
	[[ $status -eq 1 && $(<err) == *"osconceptsd has said nothing for 60 s; see"* ]]
	for p in $own $(<pids); do
		gone() { [[ ! -e /proc/$p ]]; }
		eventually gone
	done
}

@test "two at a time would disturb each other: the second is told so" {
	stand_in <<'SCRIPT'
exec "$real" "$@"
SCRIPT
	"$osconcepts" "${options[@]}" --socket "$sock" --models epoll --modes keepalive -d 30 2>err 3>&- &
	first=$!
	client() { /usr/bin/python3 "$top/tests/cli/lib/control_client.py" "$sock" "$@"; }
	busy() { [[ $(client ask '{"op": "list"}' | jq .run) != null ]]; }
	eventually busy
	run -1 --separate-stderr quick --socket "$sock" --models fork --modes close
	[[ $stderr == *"is under way"* ]]
	# One that goes away gives its place free.
	kill -KILL "$first"
	wait "$first" || true
	idle() { ! busy; }
	eventually idle
	run -0 quick --socket "$sock" --models fork --modes close
}

@test "who stops it gets 1, whatever the runs so far are worth" {
	local pid signal
	for signal in INT TERM HUP; do
		# What the one before has written is not waited for.
		rm -f "$dir/err"
		env --default-signal=INT,HUP "$osconcepts" compare --backend procfs --models epoll \
			--modes keepalive -c 2 -d 300ms -r 50 >"$dir/out" 2>"$dir/err" 3>&- &
		pid=$!
		eventually grep -q '^\[2/' "$dir/err"
		kill "-$signal" "$pid"
		wait "$pid" && return 1
		status=$?
		echo "$signal: $status"
		((status == 1))
	done
}
