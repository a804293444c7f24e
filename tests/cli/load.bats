#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts load as a person types it, against our own servers: what it counts
# is what they count, what goes wrong is told. No test judges a time. Short
# runs on a busy machine may be found invalid, so the exit status may be 4
# where it is not what is tested.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"
# shellcheck source=tests/cli/lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"

setup()
{
	servers=()
	engine=epoll
}

teardown()
{
	end_servers
}

@test "--help names every option" {
	run -0 "$osconcepts" load --help
	for word in --connections --duration --requests --closed --rate --open --arrival --trace --requests-per-connection \
		--pipeline --warmup --timeout --threads --cpus --method --header --expect-status --expect-length --slo \
		--connect-rate --ramp --src --unix --hdr --sweep --body --engine --idle --series --interval \
		--json --no-progress --weights --cacert --servername --insecure; do
		[[ $output == *"$word"* ]] || { echo "no $word"; return 1; }
	done
}

@test "wrong usage is told, with what would be right, and exits 2" {
	local args
	for args in "" "http://127.0.0.1/" "http://127.0.0.1/ -n 1 -d 1" "http://127.0.0.1/ -n 1 --insecure" \
		"127.0.0.1:80 -n 1" "http://127.0.0.1:0/ -n 1" "http://127.0.0.1/ -n 0" \
		"http://127.0.0.1/ -n 1 -c 0" "http://127.0.0.1/ -n 1 -r x" \
		"http://127.0.0.1/ -n 9 -c 2 -t 3" "http://127.0.0.1/ -n 9 --arrival poisson" \
		"http://127.0.0.1/ -n 9 --slo 99=1ms" "http://127.0.0.1/ -n 9 --slo p100=1ms" \
		"http://127.0.0.1/ -n 9 --slo p9.9.9=1ms" "http://127.0.0.1/ -n 9 --slo p99" \
		"http://127.0.0.1/ -n 9 --src 127.0.0.2-x" "http://127.0.0.1/ -n 9 --src ::1" \
		"http://127.0.0.1/ -n 9 --src 127.0.0.9-127.0.0.2" "http://[::1]/ -n 9 --src 127.0.0.2" \
		"http://127.0.0.1/ -n 9 --src 127.0.0.2 --unix x" "http://127.0.0.1/ -n 9 --unix " \
		"http://127.0.0.1/ -n 9 --connect-rate 0" "http://127.0.0.1/ -n 9 --ramp 0" \
		"http://127.0.0.1/ -n 9 --ramp 1s --connect-rate 9" "http://127.0.0.1/ -n 9 --closed --open 9" \
		"http://127.0.0.1/ -n 9 --closed --arrival poisson" "http://127.0.0.1/ -d 1s --closed --idle 9" \
		"http://127.0.0.1/ -d 1s --closed --sweep 3" "http://127.0.0.1/ -n 9 --sweep 3" \
		"http://127.0.0.1/ -d 1s --sweep 1" "http://127.0.0.1/ -d 1s --sweep 3 --hdr x" \
		"http://127.0.0.1/ -n 9 --slo p99=fast" "http://127.0.0.1/ -n 9 --slo =1ms" \
		"http://127.0.0.1/ -n 9 -r 9 --arrival often" \
		"http://127.0.0.1/ -n 9 -r 9 --arrival burst:0" "http://127.0.0.1/ -n 9 --arrival burst:2" \
		"http://127.0.0.1/ -n 9 -r 1:2" "http://127.0.0.1/ -n 9 -r 1:0:1s" \
		"http://127.0.0.1/ -d 1s -r 1:2:1s --sweep 2" "http://127.0.0.1/ -n 1 -X g\$t" \
		"http://127.0.0.1/ -n 1 -H nothing" "http://127.0.0.1/ -n 1 -H Host:x" \
		"http://127.0.0.1/ http://127.0.0.2/ -n 1" "http://127.0.0.1/ x -n 1" \
		"http://127.0.0.1/ http://127.0.0.1:81/ -n 1" "http://127.0.0.1/ http://127.0.0.1/ -n 1 --weights 1" \
		"http://127.0.0.1/ -n 1 --weights 0" "http://127.0.0.1/ http://127.0.0.1/ -n 1 --weights 1,x" \
		"http://127.0.0.1/ http://127.0.0.1/ -n 1 --weights 997,5" "http://127.0.0.1/ -n 1 --cpus x" \
		"http://127.0.0.1/ --idle 9" "http://127.0.0.1/ -n 9 --idle 9" \
		"http://127.0.0.1/ -d 1s --idle 9 -k 2" "http://127.0.0.1/ -d 1s -c 9 --idle 9" \
		"http://127.0.0.1/ -d 1s --idle 9 --slo p99=1s" "http://127.0.0.1/ -n 1 --hdr x --series x" "http://127.0.0.1/ -n 1 --engine select" "--no-such-flag"; do
		# shellcheck disable=SC2086
		run -2 "$osconcepts" load $args
		[[ $output == *osconcepts* ]]
	done
	local header
	for header in $'X: \x01' $'X: a\x7f' $'X\t: a' $'X: a\rb' $'X: a\nb' $'\e: a'; do
		run -2 "$osconcepts" load http://127.0.0.1/ -n 1 -H "$header"
		[[ $output == *"--header"*"without control bytes"* ]]
	done
	run -2 "$osconcepts" load ftp://127.0.0.1/ -n 1
	[[ $output == *"it does not begin with http:// or https://; try http://"* ]]
	run -2 "$osconcepts" load http://127.0.0.1/ http://localhost/ -n 1
	[[ $output == *"cannot load 127.0.0.1:80 and localhost:80 at once: "*"; try a load for each"* ]]
	# shellcheck disable=SC2046
	run -2 "$osconcepts" load -n 1 $(yes http://127.0.0.1/ | head -n 65)
	[[ $output == *"there are 64 already"* ]]
}

@test "requests and connections are those that the server counted, under every model" {
	local model many ahead
	many=$(models many)
	for model in $(models); do
		# One that closes after each answer leaves those sent ahead unanswered.
		ahead=1
		# shellcheck disable=SC2086
		among "$model" $many && ahead=4
		start "$model"
		load "$url/" -n 1000 -c 8
		is .requests 1000
		is .errors '{}'
		is '[.histogram.slots[][1]] | add' 1000
		opened=$(jq .connections_opened "$json")
		load "$url/" -n 300 -c 8 -k 1
		is .requests 300
		is .connections_opened 300
		load "$url/bytes/100000" -n 50 -c 4 -p "$ahead" -k 7
		is .requests 50
		is .errors '{}'
		opened=$((opened + 300 + $(jq .connections_opened "$json")))
		stop
		[[ $(booked requests) == 1350 ]]
		[[ $(booked accepts) == "$opened" ]]
	done
}

@test "each engine makes what was asked for, short, pipelined, open and long" {
	local opened
	start epoll
	for engine in $(engines); do
		load "$url/" -n 3000 -c 100 -t 2
		is '[.config.engine, .requests, .errors]' "[\"$engine\",3000,{}]"
		opened=$(jq .connections_opened "$json")
		load "$url/" -n 500 -c 20 -k 1
		is '[.requests, .connections_opened, .errors]' '[500,500,{}]'
		load "$url/" -n 2000 -c 5 -p 50 -k 333
		is '[.requests, .errors]' '[2000,{}]'
		opened=$((opened + 500 + $(jq .connections_opened "$json")))
		load "$url/bytes/1000000" -n 40 -c 8 -p 2
		is '[.requests, .errors]' '[40,{}]'
		opened=$((opened + $(jq .connections_opened "$json")))
		load "$url/" -n 1000 -c 8 -t 2 -r 20000 --arrival poisson
		is '[.requests, .unsent, .errors]' '[1000,0,{}]'
		is '.service_us.p50 <= .latency_us.p50' true
		((opened += $(jq .connections_opened "$json")))
		eventually has_counted closes "$(counted accepts)"
		[[ $(counted accepts) == "$((opened + ${before:-0}))" ]]
		before=$(counted accepts)
	done
	stop
}

@test "several URLs: each has its share, and a row of its own" {
	local args
	start epoll
	for engine in $(engines); do
		load "$url/" "$url/nowhere" "$url/bytes/100" -n 1004 -c 8 -t 3 --weights 50,30,20
		is '.urls | map([.weight, .requests, .errors])' '[[50,502,{}],[30,301,{"status.404":301}],[20,201,{}]]'
		is '[.requests, .errors, .url]' "[1004,{\"status.404\":301},\"$url/\"]"
		is '.urls | map(.latency_us.max) | max' "$(jq .latency_us.max "$json")"
		is '.urls | map(.service_us.max) | max' "$(jq .service_us.max "$json")"
		valid load "$json"
		# With the same weight, and what comes in one answer.
		load "$url/bytes/1000" "$url/bytes/3000" -n 100 -c 4 -k 1
		is '[(.urls | map(.requests)), .bytes - 50 * 4000 < 30000]' '[[50,50],true]'
		for args in "-c 4 -r 20000 --arrival burst:7" "-c 4 -r 20000 --warmup 5ms" "-c 1 -p 16" "-c 1 -p 3 -k 10"; do
			# shellcheck disable=SC2086
			load "$url/" "$url/nowhere" -n 400 --weights 3,1 $args
			is '[(.urls | map(.requests) | add) == .requests, .urls[1].errors == .errors,
				.errors == {"status.404": .urls[1].requests}]' '[true,true,true]'
			# Those of the warm-up are in neither.
			[[ $args == *warmup* ]] || is '.errors' '{"status.404":100}'
		done
		# A connection each: what is asked does not begin anew with it.
		load "$url/" "$url/nowhere" --idle 300 -d 300ms -r 1000 --weights 2,1
		is '.urls | (.[0].requests - 2 * .[1].requests | fabs) <= 2' true
	done
	run "$osconcepts" load "$url/" "$url/nowhere" -n 400 --weights 3,1
	[[ $output == "GET 2 URLs of $url"$'\n'* ]]
	[[ $output =~ "  $url/"$'\n'\ +3\ +300\ && $output =~ "  $url/nowhere"$'\n'\ +1\ +100\  ]]
	run "$osconcepts" load "$url/" "$url/nowhere" -d 100ms -r 1000 --sweep 2 --weights 3,1 --json
	[[ $(jq -c '.urls | map(.weight)' <<<"$output") == '[3,1]' ]]
	valid load-sweep <(echo "$output")
	load "$url/" "$url/nowhere" -n 300 -c 3 --series "$BATS_TEST_TMPDIR/series" --interval 10ms
	is '.urls | map(.requests)' '[150,150]'
	load "$url/" -n 10
	is .urls '[]'
	stop
}

@test "each engine tells of servers that refuse, are cut off, stand still, or take in slowly" {
	for engine in $(engines); do
		faulty_server reset
		load "$url/" -n 20 -c 2
		is '.errors | keys' '["read.ECONNRESET"]'
		faulty_server cut
		load "$url/" -n 20 -c 2
		is '.errors | keys' '["parse.truncated"]'
		faulty_server silent
		load "$url/" -n 4 -c 2 --timeout 100ms
		is '.errors' '{"timeout.response":4}'
		# It reads a piece at a time, answers when all is there.
		faulty_server slow
		head -c 3000000 /dev/zero >"$BATS_TEST_TMPDIR/body"
		load "$url/" -n 4 -c 2 -p 2 --body "@$BATS_TEST_TMPDIR/body" --timeout 60s
		is '[.requests, .errors]' '[4,{}]'
		run -1 "$osconcepts" load --engine "$engine" http://127.0.0.1:1/ -n 1
		[[ $output == *"connect.ECONNREFUSED"* ]]
	done
}

@test "without io_uring the engine says so, exit 77" {
	local without=$BATS_TEST_DIRNAME/lib/without_uring.py
	run -77 "$without" ENOSYS "$osconcepts" load --engine uring http://127.0.0.1:1/ -n 1
	[[ $output == *"this kernel has no io_uring"*"; try --engine epoll"* ]]
}

@test "a threshold of latency is judged, and exits 3" {
	start epoll
	# 150 ms asleep are more than 100 ms on any machine.
	run -3 "$osconcepts" load "$url/sleep/150000" -n 20 -c 4 --slo p50=100ms --slo max=1h
	[[ $output == *"SLO p50 at most 100 ms: NOT MET, 1"* && $output == *"SLO max at most 3600 s: met"* ]]
	load "$url/sleep/150000" -n 20 -c 4 --slo p99.9=1h
	is '.slos | map([.name, .met, .limit_us, .value_us > 150000])' '[["p99.9",true,3600000000,true]]'
	stop
}

# peers PORT: how many connections the server's port has from each address.
peers()
{
	ss -Htn state established "sport = :$1" | awk '{ sub(/:[0-9]*$/, "", $4); n[$4]++ }
		END { for (a in n) print a, n[a] }' | sort
}

@test "--src: connections come from each address in turn" {
	start epoll
	timeout 100 "$osconcepts" load "$url/sleep/30000000" -n 12 -c 12 -t 2 --timeout 60s \
		--src 127.0.0.2-127.0.0.5 --json >"$BATS_TEST_TMPDIR/load.json" 3>&- &
	servers+=($!)
	eventually has_counted accepts 12
	run peers "$port"
	[[ $output == $'127.0.0.2 3\n127.0.0.3 3\n127.0.0.4 3\n127.0.0.5 3' ]]
}

@test "--src: an address that is not this host's is told as such, if it is used" {
	start epoll
	run -1 "$osconcepts" load "$url/" -n 1 -c 1 --src 203.0.113.1
	[[ $output == "osconcepts load: --src: 203.0.113.1 is not one of this host's addresses; see ip addr" ]]
	run -1 "$osconcepts" load "$url/" -n 4 -c 4 --src 127.255.255.253-128.0.0.1
	[[ $output == *"128.0.0.0 is not one of"* || $output == *"127.255.255.255 is not one of"* ]]
	load "$url/" -n 2 -c 2 --src 127.255.255.253-128.0.0.1
	is .requests 2
	stop
}

@test "--hdr: a log of HdrHistogram holds the same slots" {
	local log=$BATS_TEST_TMPDIR/log hdr=$BATS_TEST_DIRNAME/lib/hdr.py
	start epoll
	load "$url/" -n 2000 -c 8 -r 20000 --arrival poisson --hdr "$log"
	[[ $("$hdr" "$log" latency) == "$(jq -c '[.histogram.slots[]]' "$json")" ]]
	[[ $("$hdr" "$log" service) == "$(jq -c '[.service_histogram.slots[]]' "$json")" ]]
	# A run without an answer has an empty one; one that fails leaves no file.
	rm "$log"
	load "$url/sleep/10000000" -d 100ms -c 1 --hdr "$log"
	[[ $("$hdr" "$log" latency) == '[]' || $(jq .requests "$json") == 1 ]]
	rm "$log"
	run -1 "$osconcepts" load http://127.0.0.1:1/ -n 1 --hdr "$log"
	[[ ! -e $log ]]
	run -1 "$osconcepts" load "$url/" -n 1 --hdr "$BATS_TEST_TMPDIR/none/log"
	[[ $output == *"none/log"* ]]
}

@test "--hdr: the log tells to the millisecond when the run began" {
	local log=$BATS_TEST_TMPDIR/log before after start
	start epoll
	# In the middle of a second: what is cut to whole ones is seen.
	sleep "$(/usr/bin/python3 -c 'import time; print((1.4 - time.time() % 1) % 1)')"
	before=$(date +%s%3N)
	load "$url/" -n 10 --hdr "$log"
	after=$(date +%s%3N)
	start=$(sed -n 's/^#\[StartTime: \([0-9]*\)\.\([0-9]\{3\}\) (seconds since epoch)\]$/\1\2/p' "$log")
	echo "$before $start $after"
	((before <= start && start <= after))
	stop
}

@test "one request on one connection is told in the singular" {
	start epoll
	run -0 "$osconcepts" load "$url/" -n 1 -c 1
	[[ $output == *" 1 connection, closed loop"*" 1 request in "*" 1 connection opened"* ]]
	stop
}

@test "--hdr: a log that cannot be written does not take the result with it" {
	[[ -w /dev/full ]] || skip "no /dev/full"
	start epoll
	run -1 --separate-stderr "$osconcepts" load "$url/" -n 200 --hdr /dev/full --json
	[[ $(jq .requests <<<"$output") == 200 ]]
	# shellcheck disable=SC2154
	[[ $stderr == *"cannot write '/dev/full': No space left on device; make room"* ]]
	run -1 --separate-stderr "$osconcepts" load "$url/" -n 200 --hdr /dev/full
	[[ $output == *"200 requests in "* ]]
	[[ $stderr == *"No space left on device"* ]]
	stop
}

@test "output beyond the limit of file sizes is an error, not the end of the load" {
	local dir=$BATS_TEST_TMPDIR/limited
	mkdir "$dir"
	start epoll
	run -1 bash -c 'ulimit -f 1; exec "$@"' sh "$osconcepts" load "$url/" -n 200 --hdr "$dir/log"
	[[ $output == *"cannot write '$dir/log': File too large; try a higher ulimit -f" ]]
	[[ $(ls -A "$dir") == "" ]]
	# The series is lost, and the result is not.
	run -1 --separate-stderr bash -c 'ulimit -f 1; exec "$@"' sh "$osconcepts" load "$url/" -d 500ms -c 2 \
		--series "$dir/series" --interval 10ms
	[[ $output == *" requests in "* ]]
	# shellcheck disable=SC2154
	[[ $stderr == *"--series: cannot write '$dir/series': File too large"* ]]
	run -1 bash -c 'ulimit -f 1; exec "$@" >"$0"' "$dir/json" "$osconcepts" load "$url/" -n 200 --json
	[[ $output == *"cannot write the output: File too large"* ]]
	stop
}

@test "--hdr: a load that is killed leaves no part of a log" {
	local dir=$BATS_TEST_TMPDIR/logs seen pid
	mkdir "$dir"
	/usr/bin/python3 -c 'import os, sys; os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR)' "$dir" 2>/dev/null ||
		skip "this file system has no files without a name"
	start epoll
	seen=$(counted requests)
	"$osconcepts" load "$url/" -d 600s -c 2 --hdr "$dir/log" >/dev/null 3>&- &
	pid=$!
	eventually has_counted requests $((seen + 50))
	kill -KILL "$pid"
	wait "$pid" || true
	[[ $(ls -A "$dir") == "" ]]
	stop
}

@test "--hdr -: the log alone is on standard output" {
	start epoll
	run -2 "$osconcepts" load "$url/" -n 200 --hdr - --json
	[[ $output == *"--hdr - and --json both write to standard output"* ]]
	run --separate-stderr "$osconcepts" load "$url/" -n 200 --hdr -
	[[ $output == "#[Histogram log format"* && $output != *"requests in"* ]]
	[[ $stderr == *"200 requests in "* ]]
	stop
}

@test "--sweep: steps up to the rate, what each made, and the thresholds" {
	local got
	start epoll
	# A share of the second asleep: no step can be quicker.
	run "$osconcepts" load "$url/sleep/20000" -d 200ms -c 50 -r 1000 --sweep 4 --slo p50=10ms --json
	got=$(jq -c '[.schema, .closed_rps, .slo_rate, (.steps | map(.rate)),
		(.steps | map(.slos_met) | any), (.steps | map(.p50_us >= 20000) | all)]' <<<"$output")
	[[ $got == '["osconcepts-sweep/1",null,null,[250,500,750,1000],false,true]' ]] || { echo "$got"; return 1; }
	valid load-sweep <(echo "$output")
	# Without a rate the closed loop tells the top.
	run "$osconcepts" load "$url/" -d 100ms -c 4 --sweep 2
	[[ $output == *"closed loop of 4 connections: "* && $output == *asked* && $output == *Knee:* ]]
	run -1 "$osconcepts" load http://127.0.0.1:1/ -d 100ms --sweep 2
	[[ $output == "osconcepts load: "* ]]
	stop
}

@test "sweep: ten steps unless it is told otherwise, and nothing that is of one run" {
	start epoll
	run "$osconcepts" sweep "$url/" -d 50ms -r 1000 --json
	valid load-sweep <(echo "$output")
	[[ $(jq -c '[.steps[].rate]' <<<"$output") == '[100,200,300,400,500,600,700,800,900,1000]' ]]
	run "$osconcepts" sweep "$url/" -r 1000 --sweep 2 -j
	# Without a duration each step takes its time.
	[[ $(jq -c '[.steps[] | .requests > .rate]' <<<"$output") == '[true,true]' ]]
	printf '0\n' >"$BATS_TEST_TMPDIR/trace"
	for args in "" "-n 1" "--closed" "--trace $BATS_TEST_TMPDIR/trace" "--idle 9" "--interval 1s" "--hdr x" "--series x" "--sweep 1"; do
		# shellcheck disable=SC2086
		run -2 "$osconcepts" sweep ${args:+"$url/"} $args
		[[ $output == "osconcepts sweep: "* ]] || { echo "$args: $output"; return 1; }
	done
	run -1 "$osconcepts" sweep http://127.0.0.1:1/ -d 100ms
	[[ $output == "osconcepts sweep: "* ]]
	stop
}

@test "sweep: no line is wider than 80 columns, or 50, and the longest bar ends at the last" {
	local columns
	start epoll
	for columns in 200 80 71 70 54 53 50; do
		# The rate has as many digits as there can be.
		COLUMNS=$columns "$osconcepts" sweep "$url/" -r 10000000 -d 20ms --sweep 3 -c 2 \
			>"$BATS_TEST_TMPDIR/sweep" || (($? == 4))
		/usr/bin/python3 - "$columns" "$BATS_TEST_TMPDIR/sweep" <<-'EOF' || { cat "$BATS_TEST_TMPDIR/sweep"; return 1; }
			import sys
			columns = int(sys.argv[1])
			lines = open(sys.argv[2], encoding="utf-8").read().splitlines()
			longest = max(map(len, lines))
			bars = any(line.partition("|")[2] for line in lines)
			if longest > columns or bars != (columns >= 71) or (bars and longest != columns):
			    sys.exit(f"{longest} of {columns}")
		EOF
	done
	stop
}

@test "--idle: connections are held, and requests trickle over all of them" {
	start epoll
	for engine in $(engines); do
		load "$url/" --idle 500 -d 300ms -t 2
		is '[.mode, .held, .requests, .errors, (.validity.why | map(select(test("held|answered"))))]' '["idle",500,0,{},[]]'
		before=$(counted accepts)
		# Each has its turn: 500 requests are one of each.
		load "$url/" --idle 500 -d 500ms -r 1000 --src 127.0.0.2-127.0.0.3
		is '[.mode, .held, .requests + .unsent, .unsent < 20]' '["open",500,500,true]'
		[[ $(counted accepts) == $((before + 500)) ]]
	done
	stop
	# A server that closes idle connections holds none.
	start epoll --idle-timeout 200ms
	run -4 "$osconcepts" load "$url/" --idle 20 -d 2s
	[[ $output == *"read.closed"* && $output == *"INVALID"* ]]
	stop
}

@test "--idle: all connections are held at once, whichever thread has opened them" {
	start epoll
	for engine in $(engines); do
		# The last is opened when the first have been open for as long as asked.
		load "$url/" --idle 4 -t 4 --connect-rate 8 -d 300ms --interval 50ms --series "$BATS_TEST_TMPDIR/series"
		is .held 4
		[[ $(jq -s 'map(.connections_open) | max' "$BATS_TEST_TMPDIR/series") == 4 ]]
	done
	stop
}

@test "--warmup: its bytes are none of the rate's" {
	start epoll
	load "$url/bytes/10000" --warmup 500ms -d 100ms -r 500
	is '.requests > 0 and .warmup_requests > .requests and .bytes < 2 * 10200 * .requests' true
	stop
}

@test "--connect-rate: connections come one after another" {
	start epoll
	# In 300 ms there are due 30 of 1000, which are then asked for requests.
	load "$url/" -d 300ms -c 1000 --connect-rate 100
	is '.connections_opened >= 10 and .connections_opened <= 31' true
	is '.requests > 0' true
	load "$url/" -n 100 -c 20 --connect-rate 1000 -r 100000
	is .requests 100
	stop
}

@test "--ramp: connections come evenly within the time, however few" {
	start epoll
	# Half a connection in a second: no other than the first is due, which is said.
	load "$url/" -n 100 -c 2 --ramp 600s
	is '[.requests, .connections_opened]' '[100,1]'
	is '[.validity.why[] | select(test("only 1 of 2 connections"))] | length' 1
	# Those that are held are awaited.
	load "$url/" --idle 200 -t 2 --ramp 100ms -d 100ms
	is '[.connections_opened, .held]' '[200,200]'
	is '[.validity.why[] | select(test("connections were to be opened"))]' '[]'
	stop
}

@test "--closed and --open: the loop by its name" {
	start epoll
	load "$url/" -n 50 --closed
	is '[.mode, .requests]' '["closed",50]'
	load "$url/" -n 50 --open 1000:2000:1s
	is '[.mode, .requests, .config.rate, .config.ramp.from]' '["open",50,2000,1000]'
	stop
}

@test "--body: what is posted arrives, also ahead of answers" {
	local file=$BATS_TEST_TMPDIR/body
	start epoll
	# Our servers read bodies, and answer that they want none.
	load "$url/" -n 40 -c 2 --expect-status 405 --body "a=1&b=2"
	is .config.method '"POST"'
	is '[.config.body_bytes, .requests, .errors]' '[7,40,{}]'
	head -c 100000 /dev/urandom >"$file"
	load "$url/" -n 40 -c 2 -p 4 -X PUT --expect-status 405 --body "@$file"
	is '[.config.body_bytes, .requests, .errors]' '[100000,40,{}]'
	load "$url/" -n 4 -c 1 --expect-status 405 --body @- <"$file"
	is .config.body_bytes 100000
	stop
	# Heads are some 70 bytes.
	(($(booked bytes_in) > 44 * 100000 + 40 * 77 && $(booked bytes_in) < 44 * 100100 + 40 * 200))
	run -1 "$osconcepts" load "$url/" -n 1 --body "@$file.none"
	[[ $output == *"cannot read $file.none"* ]]
	run -2 "$osconcepts" load "$url/" -n 1 -p 1000 --body "@$file"
	[[ $output == *"64 MiB"* ]]
}

@test "--unix: a socket in the file system" {
	local socket=$BATS_TEST_TMPDIR/socket
	/usr/bin/python3 - "$socket" 3>&- <<-'EOF' &
		import http.server, socketserver, sys
		class Handler(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"
		    def do_GET(self):
		        body = (self.headers["Host"] + self.path).encode()
		        self.send_response(200 if body == b"a.b/path" else 404)
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		    def address_string(self):
		        return "unix"
		    def log_message(self, *_):
		        pass
		class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
		    daemon_threads = True
		Server(sys.argv[1], Handler).serve_forever()
	EOF
	servers+=($!)
	eventually test -S "$socket"
	load http://a.b/path --unix "$socket" -n 50 -c 4
	is .requests 50
	is .errors '{}'
	# Each with its own host.
	load http://a.b/path http://b.a/path --unix "$socket" -n 50 -c 4
	is '.urls | map(.errors)' '[{},{"status.404":25}]'
	run -1 "$osconcepts" load http://a/ --unix "$BATS_TEST_TMPDIR/none" -n 1
	[[ $output == *"cannot connect to $BATS_TEST_TMPDIR/none"*ENOENT* ]]
}

@test "threads share the requests and the rate" {
	start epoll
	load "$url/" -n 1001 -c 7 -t 3
	is .requests 1001
	load "$url/" -n 500 -c 7 -t 3 -r 5000 --arrival poisson
	is .requests 500
	is .unsent 0
	is .mode '"open"'
	is '.lag_us.p99 > 0' true
	stop
	[[ $(booked requests) == 1501 ]]
}

@test "--arrival burst and a ramp: as many are due as the rate has in that time" {
	start epoll
	# Five bursts of ten begin in half a second.
	load "$url/" -d 500ms -c 4 -t 3 -r 100 --arrival burst:10
	is '.requests + .unsent' 50
	is '.config | [.rate, .arrival, .burst, .ramp]' '[100,"burst",10,null]'
	# 0 to 200 a second within half a second are 50, then 20 each tenth.
	load "$url/" -d 600ms -c 4 -t 3 --rate 0:200:500ms
	is '.requests + .unsent' 70
	is '.config | [.rate, .arrival, .ramp]' '[200,"constant",{"from":0,"to":200,"duration_s":0.5}]'
	COLUMNS=100 run "$osconcepts" load "$url/" -n 20 -c 4 --rate 10:1000:1s --arrival burst:5
	[[ $output == *"open loop from 10 to 1000 requests/s within 1.00 s (bursts of 5)"* ]]
	stop
}

@test "--trace: requests are due when its lines say, all of them or for a time" {
	local trace=$BATS_TEST_TMPDIR/trace
	start epoll
	printf '%s\n' "# three at once" 0 0 0 0.1 0.2000000001 0.3 >"$trace"
	load "$url/" --trace "$trace" -c 2 -t 2
	is '[.mode, .requests, .duration_s >= 0.3]' '["open",6,true]'
	is '.config | [.requests, .rate, .arrival, .trace]' '[6,null,"trace",{"requests":6,"duration_s":0.3}]'
	# Those before the time is over; then the first few.
	load "$url/" --trace - -d 150ms -c 1 <"$trace"
	is '.requests + .unsent' 4
	# One that ends before the time does is over then.
	load "$url/" --trace "$trace" -d 1h -c 1
	is '[.requests, .duration_s >= 0.3, .duration_s < 100]' '[6,true,true]'
	load "$url/" --trace "$trace" -n 2 -c 1
	is .requests 2
	run "$osconcepts" load "$url/" --trace "$trace" -c 1
	[[ $output == *"open loop by a trace of 6 requests"* ]]
	stop
}

@test "--trace: what is wrong in it is told by its line" {
	local trace=$BATS_TEST_TMPDIR/trace
	printf '0\n0.5\n0.25\n' >"$trace"
	run -2 "$osconcepts" load http://127.0.0.1/ --trace "$trace"
	[[ $output == *"--trace $trace, line 3: earlier than the one before"* ]]
	printf '0\nsoon\n' >"$trace"
	run -2 "$osconcepts" load http://127.0.0.1/ --trace - <"$trace"
	[[ $output == *"--trace standard input, line 2: not a time"* ]]
	run -2 "$osconcepts" load http://127.0.0.1/ --trace - --body @- </dev/null
	run -1 "$osconcepts" load http://127.0.0.1/ --trace "$trace.none"
	[[ $output == *"cannot read $trace.none: No such file"* ]]
	echo 0 >"$trace"
	for args in "-r 10" "-n 2" "--arrival poisson" "--trace $trace" "-d 1s --sweep 2" "-d 1s -n 1"; do
		# shellcheck disable=SC2086
		run -2 "$osconcepts" load http://127.0.0.1/ --trace "$trace" $args
	done
}

@test "the warm-up is made and told apart" {
	start epoll
	load "$url/" -d 300ms -c 2 -r 200 --warmup 200ms
	is '.requests + .warmup_requests' 100
	is '.warmup_requests' 40
	# So are its wrong answers.
	load "$url/nowhere" -d 300ms -c 2 -r 200 --warmup 200ms
	is '[.requests, .warmup_requests, .errors]' '[60,40,{"status.404":60}]'
	stop
	[[ $(booked requests) == 200 ]]
}

@test "a client that was stopped for a while says so itself" {
	start epoll
	for engine in $(engines); do
		json=$BATS_TEST_TMPDIR/stopped.json
		"$osconcepts" load --engine "$engine" "$url/" -n 400 -c 2 -r 200 --json >"$json" 3>&- &
		local loader=$! before
		before=$(counted requests)
		eventually has_counted requests $((before + 50))
		kill -STOP "$loader"
		sleep 0.5
		kill -CONT "$loader"
		status=0
		wait "$loader" || status=$?
		((status == 4))
		is '.requests' 400
		# 100 of the 400 were due meanwhile, each of which was so late.
		is '.lag_us | .p99 > 400000 and .p90 > 200000' true
		is '.lag_us.p99 > 0.5 * .latency_us.p99' true
		is '.validity | [.verdict, (.why | any(test("the client itself sent")))]' '["invalid",true]'
	done
	stop
}

@test "who says that it will close the connection, and does not, is told of" {
	faulty_server keep
	for engine in $(engines); do
		load "$url/" -n 4 -c 2 --timeout 100ms
		is '[.requests, .errors]' '[4,{"timeout.close":2}]'
	done
}

@test "a server stopped for a while shows in latency, and not in service time" {
	start epoll
	eventually has_workers 1
	worker=$(workers)
	(eventually has_counted requests 50; kill -STOP "$worker"; sleep 1; kill -CONT "$worker") 3>&- &
	stopper=$!
	load "$url/" -n 2000 -c 4 -r 400
	wait "$stopper"
	is .requests 2000
	# Slots of 500 ms (2926) and above: those due in the first half of it.
	slow='map(select(.[0] >= 2926) | .[1]) | add // 0'
	waited=$(jq "[.histogram.slots] | .[0] | $slow" "$json")
	served=$(jq "[.service_histogram.slots] | .[0] | $slow" "$json")
	echo "waited $waited, served slowly $served"
	((served <= 4 && waited >= 20 * (served + 1)))
	stop
}

@test "a wrong status is an error, unless it is wanted" {
	start epoll
	run -4 "$osconcepts" load "$url/nowhere" -n 200 -c 2
	[[ $output == *status.404*200* && $output == *INVALID* ]]
	load "$url/nowhere" -n 200 -c 2 --expect-status 404
	is .errors '{}'
	load "$url/" -n 200 -c 2 --expect-status 404
	is '.errors' '{"status.200":200}'
	stop
}

@test "--expect-length: a body of another length is an error, whatever its status" {
	start epoll
	for args in "" "-p 4" "-k 1"; do
		# shellcheck disable=SC2086
		load "$url/" "$url/bytes/6" -n 200 -c 2 --weights 3,1 --expect-length 13 $args
		# Pipelined, the weights are kept to within what is on its way.
		is '[.requests, .urls[0].errors, .errors["length.6"] == .urls[1].requests, .errors == .urls[1].errors]' '[200,{},true,true]'
		is '.urls[1].requests >= 46 and .urls[1].requests <= 54' true
	done
	load "$url/" -n 20 -c 2 --expect-length 0 -X HEAD
	is .errors '{}'
	# A wrong status says more.
	load "$url/nowhere" -n 20 -c 2 --expect-length 13
	is .errors '{"status.404":20}'
	run -4 "$osconcepts" load "$url/bytes/0" -n 20 -c 2 --expect-length 13
	[[ ${output//$'\n'   /} == *"length.0 "*"--expect-length asks for"* ]]
	stop
}

@test "HEAD has no body to wait for, and fields are sent" {
	start epoll
	load "$url/bytes/1000" -n 100 -c 2 -X HEAD -H 'X-One: 1' -H 'X-Two: 2'
	is .requests 100
	is .errors '{}'
	stop
}

@test "IPv6 addresses and names are understood" {
	start epoll
	load "http://localhost:$port/" -n 10 -c 1
	is .requests 10
	is .errors '{}'
	stop
	start epoll --address ::1 || skip "no IPv6 here"
	load "http://[::1]:$port/" -n 10 -c 1
	is .requests 10
	stop
}

@test "nobody listening is one clear error, exit 1" {
	start epoll
	stop
	run -1 --separate-stderr "$osconcepts" load "$url/" -d 60s --json
	[[ -z $output ]]
	# shellcheck disable=SC2154
	[[ $stderr == *"cannot connect to 127.0.0.1:$port: connect.ECONNREFUSED; "*"start the server"* ]]
	run -1 --separate-stderr "$osconcepts" load "http://[::1]:$port/" -n 1
	[[ $stderr == *"cannot connect to [::1]:$port: connect."* ]]
	run -1 "$osconcepts" load http://no-such-host.invalid/ -n 1
	[[ $output == *"cannot resolve 'no-such-host.invalid'"*"; try "* ]]
}

@test "a server killed in mid-run is told and does not hang" {
	start epoll
	(eventually has_counted requests 50; kill -KILL "$server") 3>&- &
	run -4 timeout 200 "$osconcepts" load "$url/" -n 100000000 -c 4 --timeout 1s
	[[ $output == *connect.ECONNREFUSED* && $output == *"could not be reached any more"* ]]
	[[ $output == *"never sent"* ]]
}

@test "signals leave a partial result and 128 + their number" {
	start epoll
	local row seen
	for row in INT:130 TERM:143; do
		seen=$(counted requests)
		env --default-signal=INT "$osconcepts" load "$url/" -d 600s -c 2 --json >"$BATS_TEST_TMPDIR/part.json" 3>&- &
		pid=$!
		eventually has_counted requests $((seen + 50))
		kill "-${row%:*}" "$pid"
		status=0
		wait "$pid" || status=$?
		[[ $status == "${row#*:}" ]]
		[[ $(jq .partial "$BATS_TEST_TMPDIR/part.json") == true ]]
		[[ $(jq '.requests > 0' "$BATS_TEST_TMPDIR/part.json") == true ]]
	done
	stop
}

@test "output that cannot be written is exit 1" {
	[[ -w /dev/full ]] || skip "no /dev/full"
	start epoll
	run -1 --separate-stderr bash -c '"$0" load "$1" -n 200 --json >/dev/full' "$osconcepts" "$url/"
	[[ $stderr == *"No space left on device"* ]]
	run -1 --separate-stderr bash -c '"$0" load "$1" -n 200 >/dev/full' "$osconcepts" "$url/"
	[[ $stderr == *"No space left on device"* ]]
	stop
}

@test "too few descriptors: the soft limit is raised, the hard one named" {
	start epoll
	run bash -c 'ulimit -Sn 32; "$0" load "$1" -n 200 -c 64 --json' "$osconcepts" "$url/"
	((status == 0 || status == 4))
	run -1 bash -c 'ulimit -n 64; exec "$0" load "$1" -n 200 -c 64' "$osconcepts" "$url/"
	[[ $output == *RLIMIT_NOFILE*"is 64, 83 are needed; try --connections 45 or 'ulimit -n 83'" ]]
	run bash -c 'ulimit -n 64; exec "$0" load "$1" -n 200 -c 45' "$osconcepts" "$url/"
	((status == 0 || status == 4))
	stop
}

@test "too few descriptors: fewer connections are offered where they would do" {
	local url=http://127.0.0.1:1/ few="the limit of descriptors (RLIMIT_NOFILE) is"
	limited()
	{
		run -1 bash -c 'ulimit -n "$1"; shift; exec "$@"' sh "$1" "$osconcepts" load "$url" "${@:2}"
	}
	limited 12 -n 1 -c 4
	[[ $output == *"cannot open 4 connections: $few 12, 23 are needed; try 'ulimit -n 23'" ]]
	limited 12 -n 1 -c 1
	[[ $output == *"cannot open 1 connection: $few 12, 20 are needed; try 'ulimit -n 20'" ]]
	limited 20 -n 1 -c 4
	[[ $output == *"try --connections 1 or 'ulimit -n 23'" ]]
	limited 24 -n 4 -c 4 -t 2
	[[ $output == *"try --connections 2 or 'ulimit -n 26'" ]]
	# Each thread needs one.
	limited 23 -n 4 -c 4 -t 2
	[[ $output == *"try 'ulimit -n 26'" ]]
	limited 20 -d 1s --idle 4
	[[ $output == *"try --idle 1 or 'ulimit -n 23'" ]]
	# Too few for a ring are no missing feature, exit 77.
	limited 8 -n 1 -c 1 --engine uring
	[[ $output == *"try 'ulimit -n 20'" ]]
	run -1 "$BATS_TEST_DIRNAME/lib/without_uring.py" EMFILE "$osconcepts" load --engine uring "$url" -n 1
	[[ $output == *"--engine uring: "*"Too many open files; try a higher 'ulimit -n'" ]]
}

# on_terminal ARGUMENTS: the load on a terminal; see terminal.py.
on_terminal()
{
	local options=()
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	run -0 "$BATS_TEST_DIRNAME/lib/terminal.py" "${options[@]}" -- "$osconcepts" load "$url/" "$@"
	[[ $output != *unknown* && $output == *$'\n== left\nbefore' ]]
}

@test "progress goes to a terminal only, and not with NO_COLOR" {
	start epoll
	on_terminal -- -d 1200ms -c 2 -r 500
	[[ $output == *"requests/s"*"to go"* || $output == *"to go"*"requests/s"* ]]
	on_terminal -e NO_COLOR=1 -- -d 1200ms -c 2 -r 500
	[[ $output != *"to go"* ]]
	on_terminal -- -d 1200ms -c 2 -r 500 --no-progress
	[[ $output != *"to go"* ]]
	run "$osconcepts" load "$url/" -d 1200ms -c 2 -r 500
	[[ $output != *"to go"* && $output != *$'\r'* && $output != *$'\e'* ]]
	stop
}

@test "progress is a screen that leaves nothing behind" {
	start epoll
	on_terminal -e LC_ALL=C.UTF-8 -s 24x100 -- -d 1200ms -c 2 -r 500
	[[ $output == *$'\nbefore\nGET http://'*$'/\n'*" to go "*$'|█'*$'\nnow '*" requests/s   p50 "* ]]
	[[ $output == *$'\nall '*$'\np99 up to '*█*"2 of 2 connections open, "*$'\nno errors\nso far '* ]]
	# In ASCII where the locale has no more.
	on_terminal -e LC_ALL=C -s 24x100 -- -d 1200ms -c 2 -r 500
	[[ $output == *$'|#'*$'\np99 up to '*@* && $output != *█* ]]
	# Of a time, of a number, and with what goes wrong.
	url+=/nowhere
	on_terminal -s 24x100 -- -n 600 -c 2 -r 500
	[[ $output == *" to go "*$'|'*" status.404"*"so far INVALID"* ]]
	on_terminal -s 24x100 -- --warmup 1h -n 60 -c 2 -r 50
	[[ $output == *" of warm-up, "* ]]
}

@test "the screen follows the terminal's size, and is a line where there is no room" {
	local size
	start epoll
	for size in 20x70 24x40; do
		on_terminal -s 24x100 -r "all =$size" -- -d 2s -c 2 -r 500
	done
	[[ $output == *$'== last\nbefore\n'*" requests/s, p99 "*$'\n== left'* ]]
	for size in -s9x80 -s24x59 -eTERM=dumb; do
		on_terminal "$size" -- -d 1200ms -c 2 -r 500
		[[ $output == *$'== last\nbefore\n'*" requests/s, p99 "*" s to go"*$'\n== left'* ]]
		[[ $output != *"so far"* ]]
	done
	stop
}

@test "Ctrl-C leaves no screen, and its result" {
	start epoll
	on_terminal -k "so far=INT" -- -d 600s -c 2 -r 500
	[[ $output == "exit 130"* ]]
	stop
}

@test "--series: a line for each interval, and they add up to the result" {
	local series=$BATS_TEST_TMPDIR/series
	start epoll
	load "$url/" -n 3000 -c 8 -t 2 -r 3000 --warmup 300ms --series "$series" --interval 100ms
	valid load "$json"
	# On a busy machine one line may stand for several intervals.
	(($(wc -l <"$series") >= 2))
	valid load-series "$series"
	[[ $(jq -c '[.requests, .warmup_requests, .bytes, .connections_opened]' "$json") == \
		"$(jq -sc '[map(.requests), map(.warmup_requests), map(.bytes), map(.connections_opened)] | map(add)' "$series")" ]]
	# None overlaps the one before, none leaves a gap.
	jq -se '. as $s | all(range(1; length); ($s[.].t_s - $s[.].seconds - $s[. - 1].t_s | fabs) < 1e-6)' "$series"
	# The warm-up has no times, what is measured has.
	jq -se '.[0].latency_us.p99 == null and (map(.latency_us.max) | max) > 0' "$series"
	[[ $(jq -sc '[map(.latency_us.max) | max]' "$series") == "$(jq -c '[.latency_us.max]' "$json")" ]]
	load "$url/nowhere" -n 300 -c 3 --series "$series"
	[[ $(jq -sc 'map(.errors["status.404"]) | add' "$series") == 300 ]]
	jq -se 'all(.lag_us == null) and .[-1].connections_open == 0' "$series"
	stop
}

@test "--series: on standard output, and where it cannot be written" {
	local series=$BATS_TEST_TMPDIR/series args
	start epoll
	run --separate-stderr "$osconcepts" load "$url/" -n 300 -c 3 --series -
	((status == 0 || status == 4))
	[[ $(jq -sc 'map(.requests) | add' <<<"$output") == 300 && $stderr == *"300 requests in"* ]]
	run -1 "$osconcepts" load "$url/" -n 300 --series "$BATS_TEST_TMPDIR/none/series"
	[[ $output == *"cannot write '$BATS_TEST_TMPDIR/none/series': No such file"* ]]
	# It is no reason to lose the result.
	run -1 --separate-stderr "$osconcepts" load "$url/" -n 300 -c 3 --series /dev/full
	[[ $output == *"300 requests in"* && $stderr == *"--series: cannot write '/dev/full': No space left on device"* ]]
	# Who reads no more has seen enough.
	"$osconcepts" load "$url/" -d 600s -c 2 -r 500 --series - --interval 10ms 2>/dev/null |
		head -n 1 >"$series"
	valid load-series "$series"
	for args in "-n 9 --series - --json" "-n 9 --series - --hdr -" "-n 9 --interval 1s" \
		"-n 9 --series x --interval 1ms" "-d 1s --series x --sweep 3"; do
		# shellcheck disable=SC2086
		run -2 "$osconcepts" load "$url/" $args
		[[ $output == *--series* || $output == *--interval* ]]
	done
	stop
}

@test "what was lost on this host is told beside the result" {
	start epoll
	load "$url/" -n 300 -c 3
	is '.network | [.system_listen_drops, .system_retransmits] | map(. >= 0) | all' true
	is '.network.system_segments_sent > 0 and .network.local_ports > 0' true
	is .network.ports_waiting null
	is '.client.system_steal_share >= 0 and .client.system_steal_share <= 1' true
	stop
}
