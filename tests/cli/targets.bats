#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What targets, sources and monitor say where there is no module. With it they
# are tested in the guest, tests/vm/t-cli.sh.

# $stderr is set by bats.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	PATH=${BUILD:-$top/build}:$PATH
	[[ ! -e /proc/osconcepts ]] || skip "the module is loaded"
}

@test "without the module each is exit 77 and says what to try" {
	for command in targets "targets list" "targets add 1" "targets show 1" \
		"targets del 1 2" sources monitor; do
		# shellcheck disable=SC2086
		run -77 --separate-stderr osconcepts $command
		[[ -z $output ]]
		[[ $stderr == *"is not loaded; try: "?* ]]
	done
}

@test "wrong numbers are usage errors, before the module is asked" {
	run -2 osconcepts targets add 0
	run -2 osconcepts targets add -- -1
	run -2 osconcepts targets add 1x
	[[ $output == *"pid '1x'"* ]]
	run -2 osconcepts targets del 1 99999999999
	[[ $output == *"target '99999999999'"* ]]
}

# wrong WORDS MESSAGE
wrong()
{
	# shellcheck disable=SC2086
	run -2 osconcepts $1
	[[ ${lines[0]} == "osconcepts ${1%% *}: $2"* ]]
	[[ ${lines[1]} == "Try 'osconcepts ${1%% *} --help'." && ${#lines[@]} == 2 ]]
}

@test "words that are too many, too few or unknown are named" {
	wrong "targets frobnicate" "'frobnicate': there is no such verb; try list"
	wrong "targets add" "add: no pid was given"
	wrong "targets add 1 2" "add: unexpected '2'"
	wrong "targets show" "show: no target was given"
	wrong "targets show 1 2" "show: unexpected '2'"
	wrong "targets del" "del: no target was given"
	wrong "targets list 1" "list: unexpected '1'"
	wrong "watch extra" "unexpected 'extra'"
	wrong "monitor x" "unexpected 'x'"
	wrong "sources extra" "unexpected 'extra'"
}

# In a PID namespace of its own, where the next PID can be chosen.
@test "a process that is given the PID of one that was watched is not counted" {
	unshare -Urpf --mount-proc true || skip "no user and PID namespaces"
	cat >"$BATS_TEST_TMPDIR/reuse" <<-'END'
		# Its child outlives it, and does nothing.
		sh -c 'sleep 1000 & echo $! >child; wait' & pid=$!
		until [[ -s child ]] && grep -q sleep "/proc/$(<child)/comm"; do sleep 0.05; done
		osconcepts watch -p $pid --source procfs -i 100ms -n 200 --json >reports & watch=$!
		until [[ -s reports ]]; do sleep 0.05; done
		kill $pid; wait $pid
		until grep -q "children of" reports; do sleep 0.05; done
		until [[ $! == $pid ]]; do
			echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
			bash -c 'while :; do :; done' & [[ $! == $pid ]] || kill $!
		done
		lines=$(wc -l <reports)
		until (($(wc -l <reports) > lines + 5)); do sleep 0.05; done
		wc -l <reports >lines
		kill "$pid" "$(<child)"
		wait "$watch"
	END
	cd "$BATS_TEST_TMPDIR"
	unshare -Urpf --mount-proc timeout 60 bash reuse
	# From the report after the one that saw the end, to the end of the child.
	run jq -s --argjson lines "$(<"$BATS_TEST_TMPDIR/lines")" '.[:$lines] | map(.rates[0]) | (map(.name | startswith("children of ")) | index(true)) as $since |
		.[$since + 1:] | length > 3 and all((.per_second.cpu // 0) == 0)' reports
	[[ $output == true ]]
}
