#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What hist and timings say where there is no module, and of wrong words. With
# the module they are tested in the guest, tests/vm/t-hist.sh.

# $stderr is set by bats.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	PATH=${BUILD:-$top/build}:$PATH
}

@test "without the module each is exit 77 and says what to try" {
	[[ ! -e /proc/osconcepts ]] || skip "the module is loaded"
	for command in hist "hist --json" "hist -T sched -d 10ms" \
		"hist -t 1 -I 10" timings "timings sched=all"; do
		# shellcheck disable=SC2086
		run -77 --separate-stderr osconcepts $command
		[[ -z $output ]]
		[[ $stderr == *"is not loaded; try: "?* ]]
	done
}

# wrong WORDS MESSAGE
wrong()
{
	# shellcheck disable=SC2086
	run -2 --separate-stderr osconcepts $1
	[[ -z $output && $stderr == "osconcepts ${1%% *}: $2"* ]]
}

@test "wrong names and levels are usage errors that name them" {
	wrong "hist --source sched,foo" "--source 'foo': no such timing or histogram; try sched, "
	wrong "hist --source ,sched" "--source '': no such timing"
	wrong "hist -T foo" "--time 'foo': no such timing; try sched, "
	wrong "hist -T sched=some" "--time 'sched=some': no such level; try sched=targets or sched=all"
	wrong "hist -T sched=off" "--time 'sched=off': nothing to time"
	wrong "hist -T sched,fault,sched=all" "--time 'sched,fault,sched=all': sched was named before"
	wrong "hist -d soon" "--duration 'soon'"
	wrong "hist -I 1" "--interval '1ms'"
	wrong "hist extra" "unexpected 'extra'"
	wrong "timings sched" "timing 'sched': no level; try sched=off, sched=targets or sched=all"
	wrong "timings sched=all fault=" "timing 'fault=': no such level"
	wrong "timings time_slice=all" "timing 'time_slice': no such timing"
}
