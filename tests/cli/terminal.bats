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
# what it shows on descriptor 4.
widest()
{
	LC_ALL=C.UTF-8 script -qec "stty cols $1 rows 100; $2" /dev/null </dev/null |
		tr -d '\r' | sed -E 's/\x1b\[[0-9;]*[A-Za-z]//g' |
		tee /dev/fd/4 | LC_ALL=C.UTF-8 wc -L
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
	# Each part of the table names its rows.
	widest 50 "osconcepts stat --backend procfs -d 100ms" 4>"$BATS_TEST_TMPDIR/shown"
	[[ $(grep -c COUNTER "$BATS_TEST_TMPDIR/shown") == \
		$(grep -cE 'VALUE|RATE' "$BATS_TEST_TMPDIR/shown") ]]
}

@test "the list of the server models fits, with every model and what works like it" {
	fits "osconcepts serve --list" \
		$(osconcepts serve --list --json | jq -r '.[].model') "nginx as it comes" "MODEL " "WORKS LIKE"
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
