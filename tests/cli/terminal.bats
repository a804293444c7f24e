#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a person sees on a terminal of 80 columns, and of 50: no line is wider.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	PATH=${BUILD:-$top/build}:$PATH
}

# widest COLUMNS COMMAND: the width of the widest line that it shows there, and
# what it shows on descriptor 4. A word is not broken, be it wider: a path or a URL
# is pasted as it stands, and so is a command to try.
widest()
{
	LC_ALL=C.UTF-8 script -qec "stty cols $1 rows 100; $2" /dev/null </dev/null |
		tr -d '\r' | sed -E 's/\x1b\[[0-9;]*[A-Za-z]//g' |
		tee /dev/fd/4 | grep -vE '^ *([^ ]+|(make -C |sudo ).*)$' | LC_ALL=C.UTF-8 wc -L
}

# fits COMMAND WORD…: at both widths no line is wider, and all words are there.
fits()
{
	local command=$1 columns width word shown=$BATS_TEST_TMPDIR/shown
	shift
	for columns in 80 50; do
		width=$(widest "$columns" "$command" 4>"$shown")
		((width <= columns)) || {
			echo "$command: $width columns of $columns"
			cat "$shown"
			return 1
		}
		for word; do
			grep -qF -- "$word" "$shown" || {
				echo "$command: no '$word' at $columns columns"
				cat "$shown"
				return 1
			}
		done
	done
}

@test "watch fits, whatever it watches" {
	fits "osconcepts watch --backend procfs -n 2 -i 50ms" MINFLT DELAY
	fits "osconcepts watch --backend procfs -p $$ -n 2 -i 50ms" MINFLT DELAY "process $$"
}

@test "the lines of stat fit, of a process and of the system" {
	fits "osconcepts stat --backend procfs -d 250ms -I 100ms" TIME MINFLT DELAY
	fits "osconcepts stat --backend procfs -p $$ -d 250ms -I 100ms" TIME MINFLT DELAY
	# At 80 columns an interval is a line, whatever is known of its numbers.
	for who in "" "-p $$"; do
		widest 80 "osconcepts stat --backend procfs $who -d 700ms -I 100ms" 4>"$BATS_TEST_TMPDIR/shown"
		grep -qE "^ +TIME .* DELAY$" "$BATS_TEST_TMPDIR/shown"
		n=$(grep -cE '^ +[0-9]+\.[0-9]{3} ' "$BATS_TEST_TMPDIR/shown")
		((n >= 2))
		(($(sed '/^Counts of/,$d' "$BATS_TEST_TMPDIR/shown" | grep -c '[^ ]') == n + 1))
	done
	# Each part of the table names its rows.
	widest 50 "osconcepts stat --backend procfs -d 100ms" 4>"$BATS_TEST_TMPDIR/shown"
	[[ $(grep -c COUNTER "$BATS_TEST_TMPDIR/shown") == \
		$(grep -cE 'VALUE|RATE' "$BATS_TEST_TMPDIR/shown") ]]
}

@test "the list of the server models fits, with every model and what works like it" {
	fits "osconcepts serve --list" \
		$(osconcepts serve --list --json | jq -r '.[].model') "nginx as it comes" "MODEL " "WORKS LIKE"
}

start_server()
{
	coproc ready { exec osconcepts serve --model epoll --port 0 --quiet --ready-fd 1 2>/dev/null; }
	# shellcheck disable=SC2154 # coproc sets it
	server=$ready_PID
	read -r port <&"${ready[0]}"
	url=http://127.0.0.1:$port
}

teardown()
{
	[[ -z ${server:-} ]] || kill "$server"
}

@test "the result of load fits, whatever is in it" {
	start_server
	fits "osconcepts load $url/ -n 500 --no-progress" latency p99.9 mean service connect Errors
	fits "osconcepts load $url/ -d 300ms -r 200 --slo p99=5ms --no-progress" lag "SLO p99"
	# Each URL on a line of its own, and whole.
	local long
	long=$url/bytes/1?$(printf '%090d' 0)
	fits "osconcepts load $url/ $url/bytes/100 -n 500 --weights 3,1 --no-progress" \
		"  $url/bytes/100" "latency p50, p99" weight
	widest 50 "osconcepts load $url/ $long -n 500 --no-progress" 4>"$BATS_TEST_TMPDIR/shown"
	grep -qxF "  $long" "$BATS_TEST_TMPDIR/shown"
	fits "osconcepts load $url/ -n 50 -c 8 --expect-status 418 --no-progress" "Errors: 50"
	fits "osconcepts load $url/sleep/900000 -n 3 -c 3 --timeout 50ms --no-progress" timeout
	fits "OSCONCEPTS_EMULATED=1 osconcepts load $url/ -n 50 --no-progress" emulated
}

@test "the result of sweep fits" {
	start_server
	fits "osconcepts sweep $url/ -d 100ms --sweep 3" answered p99 Knee
}

@test "what a server says fits" {
	fits "timeout -s INT 0.3 osconcepts serve --model prefork-fdpass --port 0; true" Ctrl-C answered
}

@test "a message fits a terminal, and is one line where it is none" {
	local command
	for command in "load http://127.0.0.1:1/ -n 3" "compare --models nonsense" "stat -p 99999999" \
		"load http://127.0.0.1/ -n 1 --arrival monthly" "serve --model epoll --cpus 999" "sources" \
		"compare --socket $BATS_TEST_TMPDIR/none.sock" "frobnicate" "stat --frobnicate" \
		"load http://a@b/ -n 1" "hist --source frobnicate" "lesson frobnicate"; do
		[[ $command != sources || ! -e /proc/osconcepts ]] || continue
		fits "osconcepts $command"
		run -0 bash -c "osconcepts $command 2>&1 >/dev/null | grep -v '^Try ' | wc -l"
		[[ $output == 1 ]]
		# Nothing is lost of it, nor added to it.
		[[ $(widest 50 "osconcepts $command" 4>&1 >/dev/null | tr -s '[:space:]' ' ') == \
			$(osconcepts $command 2>&1 | tr -s '[:space:]' ' ') ]]
	done
	# A command that is broken cannot be pasted.
	mkdir "$BATS_TEST_TMPDIR/a b"
	cp "$(command -v osconcepts)" "$BATS_TEST_TMPDIR/a b"
	run -0 widest 50 "'$BATS_TEST_TMPDIR/a b/osconcepts' serve" 4>"$BATS_TEST_TMPDIR/shown"
	grep -qF "a\\ b/osconcepts serve --list'" "$BATS_TEST_TMPDIR/shown"
	run -0 widest 50 "'$BATS_TEST_TMPDIR/a b/osconcepts' frobnicate" 4>"$BATS_TEST_TMPDIR/shown"
	grep -qF "a\\ b/osconcepts --help'" "$BATS_TEST_TMPDIR/shown"
	if [[ ! -e /proc/osconcepts ]]; then
		mkdir -p "$BATS_TEST_TMPDIR/checkout/build"
		touch "$BATS_TEST_TMPDIR/checkout/Kbuild"
		cp "$(command -v osconcepts)" "$BATS_TEST_TMPDIR/checkout/build"
		run -0 widest 50 "$BATS_TEST_TMPDIR/checkout/build/osconcepts sources" 4>"$BATS_TEST_TMPDIR/shown"
		grep -qE '^ *make -C [^ ]+ module && sudo insmod [^ ]+$|modprobe osconcepts$' "$BATS_TEST_TMPDIR/shown"
	fi
	fits "osconceptsd --backend frobnicate"
	fits "osconceptsd --socket /no/such/directory/at/all/control.sock"
}

@test "in a pipe no list for people is wider than 80 columns, and COLUMNS counts" {
	run -0 bash -c "osconcepts serve --list | LC_ALL=C.UTF-8 wc -L"
	((output <= 80))
	run -0 bash -c "COLUMNS=50 osconcepts serve --list | LC_ALL=C.UTF-8 wc -L"
	((output <= 50))
	run -0 bash -c "COLUMNS=200 osconcepts serve --list | head -n 1"
	[[ $output == MODEL*"HOW IT WAITS"*"WORKS LIKE"* ]]
	run -0 bash -c "COLUMNS=50 osconcepts watch --backend procfs -p $$ -n 1 -i 50ms | LC_ALL=C.UTF-8 wc -L"
	((output <= 50))
	run -0 bash -c "osconcepts lesson | LC_ALL=C.UTF-8 wc -L"
	((output <= 80))
	start_server
	run -0 bash -c "osconcepts load $url/ $url/bytes/1 -n 9 | LC_ALL=C.UTF-8 wc -L"
	((output <= 80))
	run -0 bash -c "COLUMNS=50 osconcepts load $url/ $url/bytes/1 -n 9 | LC_ALL=C.UTF-8 wc -L"
	((output <= 50))
}

@test "the tables, findings and progress of compare fit" {
	fits "OSCONCEPTS_EMULATED=0 osconcepts compare --backend procfs --models fork,prefork-fdpass \
		--modes close -c 1,16 -n 40 -r 1" \
		"[4/4] prefork-fdpass close -c 16" "source procfs" REQUESTS "FLT ONCE" BYTE/REQ "IN VAIN" MEMORY "SLAB KiB*" \
		"P99 ms" "What is left open, close:"
	# At 50 columns each part of a table names its rows.
	[[ $(grep -c '^MODEL, MODE ' "$BATS_TEST_TMPDIR/shown") -gt 5 ]]
	[[ $(grep -c '^prefork-fdpass close ' "$BATS_TEST_TMPDIR/shown") == \
		$(grep -c '^MODEL, MODE ' "$BATS_TEST_TMPDIR/shown") ]]
}

@test "the module's tables fit" {
	[[ -e /proc/osconcepts ]] || skip "the module is not loaded"
	osconcepts targets add $$
	fits "osconcepts targets" EPWAKE bash
	fits "osconcepts targets show $(osconcepts targets --json | jq '.targets[0].id')" \
		EPWAKE MEANING
	fits "osconcepts sources" GAPS
	fits "osconcepts timings" LOST run_queue_wait
	fits "osconcepts watch -n 1 -i 100ms" cpu0 DELAY
}

@test "a column of sentences is broken between words" {
	widest 50 "osconcepts serve --list" 4>"$BATS_TEST_TMPDIR/shown"
	run -0 grep -A 1 "^iterative *one process" "$BATS_TEST_TMPDIR/shown"
	[[ ${lines[1]} == "               "[a-z]* ]]
	[[ ${lines[0]} =~ [a-z,]$ ]]
	# No word lost, none cut.
	[[ $(sed 's/^iterative *//; s/^ *//' <<<"$output" | tr '\n' ' ') == \
		"one process, one connection and request at a time " ]]
}

@test "a table in a file is whole, whatever the terminal" {
	LC_ALL=C.UTF-8 script -qec "stty cols 50; osconcepts watch --backend procfs \
		-p $$ -n 1 -i 50ms >$BATS_TEST_TMPDIR/table" /dev/null </dev/null
	grep -q "^WHAT .* DELAY$" "$BATS_TEST_TMPDIR/table"
}
