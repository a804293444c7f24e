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

@test "a table in a file is whole, whatever the terminal" {
	LC_ALL=C.UTF-8 script -qec "stty cols 50; osconcepts watch --backend procfs \
		-p $$ -n 1 -i 50ms >$BATS_TEST_TMPDIR/table" /dev/null </dev/null
	grep -q "^WHAT .* DELAY$" "$BATS_TEST_TMPDIR/table"
}
