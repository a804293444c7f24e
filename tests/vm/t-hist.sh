#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hist and timings with the module: what they show adds up, and what hist
# switches on it switches off again.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
source tests/vm/lib/cli.sh

# Every histogram: slots and count, bounds of the percentiles, the mean.
adds_up()
{
	holds "$1: slots add up to the count, percentiles are bounds of slots" \
		'[.[].histograms[]] | length > 0 and all(
			([.slots[].count] | add // 0) == .count and
			(.count == 0) == (.mean == null) and
			(. as $h | .percentiles | all(. as $p |
				$h.slots | any(.lower == $p.lower and .upper == $p.upper))))'
}

level()
{
	osconcepts timings --json | jq -r ".timings[] | select(.name == \"$1\").level"
}

# is_level NAME TIMING LEVEL
is_level()
{
	[[ $(level "$2") == "$3" ]] || {
		echo "# it is $(level "$2")"
		false
	}
	tap_result $? "$1"
}

test_off()
{
	check "every timing is off at first" 0 '' osconcepts timings --json
	holds "and all five are listed" \
		'.[0].timings | length == 5 and all(.level == "off" and .lost == 0)'
	check "hist says that nothing is timed, and what to try" 1 \
		'sched is not timed; try osconcepts timings sched=targets' osconcepts hist
	check "without waiting for a measure" 1 'sched is not timed' \
		timeout 60 osconcepts hist -d 1h
	check "of one that is named, too" 1 'fault is not timed' \
		osconcepts hist --source fault_major
}

test_all()
{
	check "timings are switched on" 0 'run_queue_wait, time_slice' \
		osconcepts timings sched=all off_cpu=all
	is_level "and are at that level" off_cpu all
	sleep 0.5
	check "the system's histograms are shown" 0 '' osconcepts hist --json
	adds_up "of the system"
	holds "these four, of the system" \
		'.[0].schema == "osconcepts-hist/1" and (.[0].histograms | map([.name, .target, .unit]) ==
		 [["run_queue_wait", null, "ns"], ["time_slice", null, "ns"],
		  ["off_cpu_voluntary", null, "ns"], ["off_cpu_involuntary", null, "ns"]])'
	holds "and of what" '.[0].sources | map([.name, .state]) ==
		[["sched", "on"], ["fault", "on"], ["epoll", "on"]]'
	check "one histogram alone" 0 '' osconcepts hist --source time_slice --json
	holds "is the one that was named" '.[0].histograms | map(.name) == ["time_slice"]'
	check "in a span" 0 '' osconcepts hist -d 300ms --json
	adds_up "in a span"
	holds "the span is as long" '.[0].histograms | all(.span_s >= 0.3 and .span_s < 60)'
	check "in intervals" 0 '' osconcepts hist --source sched -I 100 -d 350ms --json
	adds_up "in intervals"
	holds "these add up to less than the whole, which comes last" \
		'(map(.histograms[1].count) | .[:-1] | add) <= .[-1].histograms[1].count and
		 length >= 2 and .[0].schema == "osconcepts-hist-interval/1" and .[-1].schema == "osconcepts-hist/1"'
}

test_text()
{
	check "bars are of # where the locale has no blocks" 0 '|#' \
		env LC_ALL=C osconcepts hist --source time_slice
	check "and of blocks where it has" 0 '█' \
		env LC_ALL=C.UTF-8 osconcepts hist --source time_slice
	check "what is not timed is said" 0 'fault is not timed; try: osconcepts timings fault=targets' \
		osconcepts hist
	check "switched off again" 0 '' osconcepts timings sched=off off_cpu=off
	is_level "they are off" sched off
}

test_for_a_while()
{
	check "hist times for its measure" 0 '' osconcepts hist -T sched -d 300ms --json
	adds_up "timed for a while"
	holds "only what it has timed" \
		'.[0].histograms | map(.name) == ["run_queue_wait", "time_slice"] and .[1].count > 0'
	is_level "and it is off afterwards" sched off
	env --default-signal=INT osconcepts hist -T sched,epoll >"$dir/out" 2>&1 &
	local hist=$!
	until [[ $(level epoll) == all ]]; do sleep 0.1; done
	kill -INT "$hist"
	wait "$hist"
	tap_result $? "Ctrl-C is no failure"
	grep -q 'time_slice of the whole system' "$dir/out"
	tap_result $? "and shows what there is"
	is_level "off after Ctrl-C" sched off
	is_level "every one of them" epoll off
	sleep 2 &
	check "hist ends with the process it watches" 0 '' \
		timeout 60 osconcepts hist -T sched -t $! -d 1h --json
	holds "and shows its time slices" \
		'.[0].histograms | map(select(.name == "time_slice")) | .[0].count > 0'
	is_level "off when the process has ended" sched off
	check "one that has just ended is an error" 1 'it has ended already; try ps -e' \
		timeout 60 strace -qq -o /dev/null -e inject=pidfd_open:error=ESRCH \
		osconcepts hist -T sched -t $$ -d 1h
	is_level "and nothing is left on" sched off
}

# What others measure is neither dropped nor ended.
test_of_others()
{
	osconcepts timings sched=targets off_cpu=all >/dev/null
	check "another's level is not changed" 1 'would drop what was measured' \
		osconcepts hist -T fault,sched=all -d 100ms
	is_level "it is as it was" sched targets
	is_level "what was switched on before the refusal is off" fault off
	check "what is on already is used" 0 '' osconcepts hist -T off_cpu -d 100ms --json
	is_level "and left on" off_cpu all
	env --default-signal=INT osconcepts hist -T fault -d 60s >/dev/null 2>&1 &
	local hist=$!
	until [[ $(level fault) == all ]]; do sleep 0.1; done
	osconcepts timings fault=targets >/dev/null
	kill -INT "$hist"
	wait "$hist"
	is_level "what another has begun anew meanwhile is left on" fault targets
	osconcepts timings sched=off off_cpu=off fault=off >/dev/null
}

test_targets()
{
	osconcepts timings sched=targets >/dev/null
	check "timed for targets, and there is none" 1 'and there is none' osconcepts hist
	check "the system is not timed" 1 'try osconcepts timings sched=all' osconcepts hist -t system
	check "nor for a measure" 1 'try osconcepts timings sched=all' \
		timeout 60 osconcepts hist -t system -d 1h
	bash -c 'while sleep 0.01; do :; done' &
	local worker=$! id
	check "a process that is no target is an error without a span" 1 \
		"cannot find the target '$worker': none has this ID or PID" osconcepts hist -t "$worker"
	check "with one it is watched" 0 '' osconcepts hist -t "$worker" -d 500ms --json
	adds_up "of a process"
	holds "it has worked" ".[0].histograms | all(.target.pid == $worker and .count > 0)"
	no_targets
	tap_result $? "no target is left"
	id=$(osconcepts targets add "$worker" --json | jq '.targets[0].id')
	sleep 0.3
	check "a target by ID" 0 "of target $id, bash[$worker]" osconcepts hist -t "$id"
	check "by PID" 0 "of target $id, bash[$worker]" osconcepts hist -t "$worker"
	check "by name" 0 "of target $id, bash[$worker]" osconcepts hist -t bash
	check "an unknown name" 1 'none has this name; try osconcepts targets' osconcepts hist -t nobody
	bash -c 'while sleep 0.01; do :; done' &
	local other=$!
	osconcepts targets add "$other" >/dev/null
	check "a name of two" 1 'all have this name; try one of these IDs' osconcepts hist -t bash
	kill "$worker" "$other"
	osconcepts targets --json | jq '.targets[].id' | xargs osconcepts targets del >/dev/null
	osconcepts timings sched=off >/dev/null
}

test_rights()
{
	local osconcepts=$BUILD/osconcepts
	check "an ordinary user may not switch" 77 'needs CAP_PERFMON on the host; try sudo' \
		"${user[@]}" "$osconcepts" timings sched=all
	check "nor have hist do it" 77 'cannot switch the timing sched to all' \
		"${user[@]}" "$osconcepts" hist -T sched -d 100ms
	osconcepts timings sched=all >/dev/null
	check "but see the system's" 0 'time_slice of the whole system' \
		"${user[@]}" "$osconcepts" hist --source sched
	osconcepts timings sched=off >/dev/null
}

# rmmod says no more than "in use": what says why, and what to do.
test_faults_pin_the_module()
{
	local why="rmmod says in use until this is off; try osconcepts timings fault=off" try
	osconcepts timings fault=targets >/dev/null
	check "while faults are timed rmmod fails" 1 'in use' rmmod osconcepts
	check "timings says why, and the way out" 0 '' osconcepts timings --json
	holds "as a reason" ".[0].timings | map(select(.name == \"fault\")) | .[0].why == \"$why\""
	check "as does /proc/osconcepts" 0 "timing fault level=targets state=on lost=0 why=$why" \
		grep '^timing fault' /proc/osconcepts
	dmesg | tail -n 20 | grep -qF "osconcepts: faults are timed: $why"
	tap_result $? "and the log"
	osconcepts timings fault=off >/dev/null
	for try in {1..100}; do
		rmmod osconcepts 2>/dev/null && break
		sleep 0.1
	done
	module_is_loaded
	is 1 $? "that lets it go"
	module_load
}

test_unavailable()
{
	module_unload && module_load hide=sched_switch || {
		tap_result 1 "the module can be loaded anew"
		return
	}
	check "what this kernel lacks is told" 0 'no tracepoint sched_switch' osconcepts timings
	check "by hist, too" 77 'sched is unavailable: no tracepoint sched_switch' osconcepts hist
	check "and when it is to be switched on" 77 'unavailable here: no tracepoint sched_switch' \
		osconcepts timings sched=all
}

test_off
test_all
test_text
test_for_a_while
test_of_others
test_targets
test_rights
tap_suite "the examples of the man pages" tests/cli/man-examples \
	Documentation/man/osconcepts-{hist,timings}.1
test_faults_pin_the_module
test_unavailable
tap_done
