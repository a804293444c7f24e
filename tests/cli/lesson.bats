#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts lesson: short experiments. What is seen depends on the machine, and is
# not judged here; that it follows from the numbers is.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	PATH=${BUILD:-$top/build}:$PATH
	export OSCONCEPTS_EMULATED=0
	json=$BATS_TEST_TMPDIR/json
}

# of FILTER: it holds of the document.
of()
{
	jq -e "$1" "$json" >/dev/null || { jq -c "del(.platform)" "$json"; return 1; }
}

# What must be true of each document, whatever the machine did.
holds()
{
	valid lesson "$json"
	of '.schema == "osconcepts-lesson/1" and (.models | length) == 3 and all(.models[]; .runs | length >= 5)'
	# A finding follows from the intervals of the first metric, and from them alone.
	jq -e --arg m "$1" '
		(.models | map({ key: .model, value: .[$m] }) | from_entries) as $of
		| all(.findings[]; . as $f | $of[$f.more] as $a | $of[$f.less] as $b
			| if ($a.n // 0) < 5 or ($b.n // 0) < 5 then
				$f.result == "not seen" and ($f.text | startswith("Not known: "))
			elif $a.low > $b.high then $f.result == "seen" and ($f.text | startswith("Seen: "))
			elif $a.high < $b.low then $f.result == "opposite" and ($f.text | startswith("Seen is the opposite: "))
			else $f.result == "not seen" and ($f.text | startswith("Not seen: ")) end)
		and ((.why != null) == all(.findings[]; .result == "seen"))' "$json" >/dev/null ||
		{ jq -c "del(.platform)" "$json"; return 1; }
}

# lesson ARGUMENT…: its daemon, servers and loads have the mark, too.
lesson()
{
	LESSON_MARK=$BATS_TEST_TMPDIR exec osconcepts lesson "$@"
}

# judged FILTER: a directory with the programs, whose loads give what the jq filter
# FILTER makes of their verdict; $n is the number of the load, from 1.
judged()
{
	local real=${BUILD:-$top/build}
	judged=$BATS_TEST_TMPDIR/judged
	mkdir -p "$judged"
	cp "$real/osconcepts" "$judged/lesson-of"
	cp "$real/osconceptsd" "$judged/"
	cat >"$judged/osconcepts" <<-END
		#!/bin/bash
		[[ \$1 == load && " \$* " != *" --idle "* ]] || exec "$real/osconcepts" "\$@"
		echo >>"$judged/loads"
		"$real/osconcepts" "\$@" | jq --argjson n "\$(wc -l <"$judged/loads")" '
			(if $1 then "invalid" else "valid" end) as \$verdict
			| .validity.verdict = \$verdict | .validity.why = ["made so"]'
	END
	chmod +x "$judged/osconcepts"
}

nothing_is_left()
{
	! grep -lF "LESSON_MARK=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ 2>/dev/null
}

@test "without a name the lessons are listed" {
	run -0 osconcepts lesson
	[[ ${lines[0]} == "slow-url "* && ${lines[1]} == "idle-connections "* ]]
	run -0 osconcepts lesson --json
	[[ $(jq -c '[.schema, .lessons[].lesson]' <<<"$output") == \
		'["osconcepts-lessons/1","slow-url","idle-connections"]' ]]
}

@test "wrong usage ends with 2, and a near miss is suggested" {
	run -2 osconcepts lesson slow-ulr
	[[ $output == *"there is no lesson 'slow-ulr'; try '"*" lesson slow-url'" ]]
	run -2 osconcepts lesson nothing-like-it
	run -2 osconcepts lesson slow-url more
	run -2 osconcepts lesson slow-url -r 4
	[[ $output == *"--runs '4': not a whole number from 5 to 100"* ]]
	run -2 osconcepts lesson slow-url -d 10ms
	run -2 osconcepts lesson slow-url --rate 3
	run -0 osconcepts lesson --help
}

@test "an emulated CPU cannot compare times: 77, and the sentence that says so" {
	run -77 env OSCONCEPTS_EMULATED=1 osconcepts lesson slow-url
	[[ $output == *"The CPU is emulated: counts are exact, "* ]]
}

@test "slow-url: what is said follows from the latencies of valid runs" {
	run --separate-stderr lesson slow-url -r 5 -d 500ms --json
	((status == 0 || status == 4))
	[[ $stderr == *"[15/15] "* ]]
	echo "$output" >"$json"
	holds fast_p50_us
	of '[.models[].model] == ["epoll", "thread", "epoll-offload"]'
	# Only valid runs are in the medians.
	of 'all(.models[]; (.fast_p50_us.n // 0) == ([.runs[] | select(.valid)] | length))'
	((status == 4)) || of 'all(.models[]; .fast_p50_us.n >= 5)'
	nothing_is_left
}

@test "idle-connections: CPU time, a table, and a question; the module counts the rest" {
	run --separate-stderr lesson idle-connections -r 5 -d 500ms --json --no-progress
	((status == 0 || status == 4 || status == 77))
	((status != 77)) || skip "$stderr"
	[[ -z $stderr ]]
	echo "$output" >"$json"
	holds cpu_us_per_request
	of '.source == "module" or all(.models[]; .epoll_wakeups_per_request == null)'
	run --separate-stderr lesson idle-connections -r 5 -d 500ms --no-progress
	((status == 0 || status == 4))
	[[ $output == *"MODEL "*"CPU us/REQ"*"select "*"poll "*"epoll "*"Question: "*" compare --models select,poll,epoll "* ]]
	[[ -e /proc/osconcepts || $output == *"EPWAKE/REQ is counted only by the module; load it with: "* ]]
	# The commands stand as they can be pasted; all else fits a terminal.
	! grep -v "^  [^ ]*osconcepts \|^  /" <<<"$output" | grep '.\{81\}'
	nothing_is_left
}

@test "a cell of fewer runs says of how many, and only the model that lacks runs is named" {
	# The second load is that of thread in the first round.
	judged '$n == 2'
	run -4 --separate-stderr "$judged/lesson-of" lesson slow-url -r 5 -d 500ms --no-progress
	[[ $output =~ (^|$'\n')"thread "[^$'\n']*") n=4 "[^$'\n']*") n=4" ]]
	[[ ! $output =~ (^|$'\n')"epoll"[^$'\n']*"n=" ]]
	# Without the folds.
	output=$(tr -s '\n ' ' ' <<<"$output")
	[[ $output == *"Medians of 5 runs of 0.5 s each (of fewer where n= says so), and in brackets the range of the runs. "* ]]
	[[ $output == *"Not valid, so not used: 1 of 15 runs, for instance: made so. "* ]]
	[[ $output == *" Not known: only 4 of 5 runs of thread are valid, 5 are needed. "* ]]
	[[ $output != *"Not known: "*"Not known: "* ]]
}

@test "idle-connections: the kernel counts, so a load that is not valid is not told" {
	judged true
	run --separate-stderr "$judged/lesson-of" lesson idle-connections -r 5 -d 500ms --no-progress
	((status == 0 || status == 4 || status == 77))
	((status != 77)) || skip "$stderr"
	[[ $output != *"made so"* && $output != *latency* ]]
}

@test "idle-connections: a limit of descriptors is told before the first run, with what is needed" {
	run -77 --separate-stderr bash -c 'ulimit -n 256; exec osconcepts lesson idle-connections'
	[[ $stderr == "osconcepts lesson: cannot hold 900 idle connections: the limit of descriptors (RLIMIT_NOFILE) is 256, "*" are needed; try 'ulimit -n "*"'" ]]
	((${#stderr_lines[@]} == 1))
	# That many are enough.
	[[ $stderr =~ "ulimit -n "([0-9]+) ]]
	(($(ulimit -Hn) >= BASH_REMATCH[1])) || skip "the limit here is lower"
	run --separate-stderr bash -c "ulimit -n ${BASH_REMATCH[1]}; exec osconcepts lesson idle-connections -r 5 -d 500ms"
	((status == 0 || status == 4))
	[[ $stderr == *"[15/15] "* ]]
}

@test "a signal ends a lesson at once, and leaves no server" {
	local pid status
	lesson slow-url >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/progress" 3>&- &
	pid=$!
	until grep -q '^\[1/18' "$BATS_TEST_TMPDIR/progress"; do sleep 0.05; done
	kill -TERM "$pid"
	wait "$pid" && status=0 || status=$?
	[[ $status == 143 ]]
	[[ ! -s $BATS_TEST_TMPDIR/out ]]
	grep -q "osconcepts lesson: stopped by a signal" "$BATS_TEST_TMPDIR/progress"
	nothing_is_left
}
