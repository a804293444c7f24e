#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Loading: with every parameter, twice, without a hook, with ftrace off.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
helper=$BUILD/vm-tests/helper

test_load_twice()
{
	local before said
	before=$(proc_value since_ns)
	said=$(module_load 2>&1) && tap_result 1 "a second load is refused"
	has "File exists" "$said" "a second load is refused, saying why"
	is "$before" "$(proc_value since_ns)" "the loaded module does not notice"
}

# The counts are exact by whichever way the hooks are attached.
test_rungs()
{
	local rung
	for rung in direct ftrace kprobe; do
		reload epoll_via=$rung
		is "$rung" "$(source_field epoll via)" "epoll_via=$rung is what /proc shows"
		tap_suite "exact by $rung" "$BUILD/vm-tests/t-exact" epoll
	done
}

# hidden FUNCTION SOURCE STATE: without it the module loads, and says so.
hidden()
{
	reload "hide=$1"
	is "$3" "$(source_field "$2" state)" "without $1 the source $2 is $3"
	has "$1" "$(grep "^source $2 " /proc/osconcepts)" "without $1 the source $2 names it"
}

test_missing_hooks()
{
	local other
	hidden ep_poll_callback epoll unavailable
	is - "$(proc_value epoll_callbacks)" "without ep_poll_callback there is no count of callbacks"
	for other in sched fault; do
		is on "$(source_field $other state)" "without ep_poll_callback the source $other counts"
	done
	hidden ep_autoremove_wake_function epoll unavailable
	hidden ep_ptable_queue_proc epoll on
	hidden sched_switch sched unavailable
	reload hide=sched_process_fork
	has "no tracepoints to follow processes with" "$("$helper" add $$)" "without sched_process_fork a target is refused, saying why"
	reload totals=N
	is off "$(source_field sched state)" "totals=N turns the totals of switches off"
	is - "$(proc_value context_switches)" "totals=N: no count of switches"
}

test_limit()
{
	local i
	local -a pids=()
	reload max_targets=3
	for i in 1 2 3 4; do
		sleep 1000 &
		pids+=($!)
	done
	for i in 0 1 2; do
		"$helper" add "${pids[i]}" >/dev/null
		tap_result $? "max_targets=3: target $((i + 1)) is added"
	done
	has "No space left on device: max_targets targets exist already" "$("$helper" add "${pids[3]}")" \
		"max_targets=3: the fourth is refused, naming the parameter"
	is "3 1" "$(proc_value targets) $(proc_value targets_refused)" "max_targets=3: the refusal is counted"
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	reload max_targets=4194304
	(($(</sys/module/osconcepts/parameters/max_targets) < 65536))
	tap_result $? "max_targets=4194304 is cut to what the slots hold"
}

# add_until_refused PID…: how many were taken, and what was said then.
add_until_refused()
{
	local pid said="nothing" added=0
	for pid; do
		said=$("$helper" add "$pid" 2>&1) || break
		added=$((added + 1))
	done
	echo "$added $said"
}

# Four histograms of 2032 bytes on each CPU, and some 700 bytes: ten of these.
test_memory_limit()
{
	local added said each kib
	local -a pids=()
	local time=/sys/module/osconcepts/parameters/time
	for _ in {1..16}; do
		sleep 1000 &
		pids+=($!)
	done
	each=$((4 * 2032 * $(getconf _NPROCESSORS_CONF) + 700))
	kib=$((each * 21 / 2 / 1024))
	reload max_memory=$kib time=sched,off_cpu
	read -r added said < <(add_until_refused "${pids[@]}")
	has "No space left on device: the targets take max_memory already" "$said" "max_memory: refused, naming the parameter"
	is 10 "$added" "max_memory: as many as fit are taken"
	is "$added 1" "$(proc_value targets) $(proc_value targets_refused)" "max_memory: the refusal is counted"
	echo sched >$time
	"$helper" add "${pids[added]}" >/dev/null
	tap_result $? "max_memory: with less that is timed there is room"
	! echo sched,off_cpu 2>/dev/null >$time
	tap_result $? "max_memory: but none for what was timed before"
	is "sched=targets" "$(<$time)" "max_memory: what did not fit is off, what did is on"
	echo off_cpu >$time && echo sched >$time
	is "sched=targets" "$(<$time)" "max_memory: one timing takes the place of another"
	reload max_memory_user=$kib time=sched,off_cpu
	is "16 " "$(add_until_refused "${pids[@]}" | sed 's/[0-9]*$//')" "max_memory_user is no limit for root"
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	reload max_memory_user=$kib time=sched,off_cpu
	export -f add_until_refused
	export helper
	# shellcheck disable=SC2016
	has "10 No space left on device: this user's targets take max_memory_user" \
		"$(setpriv --reuid 12345 --regid 12345 --clear-groups bash -c '
			for i in {1..16}; do sleep 1000 & done
			add_until_refused $(jobs -p)
			kill $(jobs -p)')" "max_memory_user: a user has as many, and is refused, naming the parameter"
	reload max_memory=0
	has "the targets take max_memory already" "$("$helper" add $$ 2>&1)" "max_memory=0: no target is taken"
}

# The epoll instances of removed targets make room.
test_room()
{
	reload epoll_instances=64
	tap_suite "room for instances" "$BUILD/vm-tests/t-exact" room
}

# Where the instance of a callback is not found, no number is said to be exact.
test_unproven()
{
	reload hide=eventpoll
	tap_suite "instance not found" "$BUILD/vm-tests/t-owner" unproven
}

# Few slots, so that each is used again and again: what the tasks and the
# registrations of a target before have in the tables counts for nobody.
test_slots_used_again()
{
	local id keeper busy quiet counted=0 failed=0
	reload max_targets=4
	# With the last target the tables go: one stays.
	sleep infinity &
	keeper=$!
	"$helper" add "$keeper" >/dev/null
	# Registers when it is told to, being a target; ready ever after.
	coproc "$helper" busy
	busy=$COPROC_PID
	sleep infinity &
	quiet=$!
	"$helper" add "$busy" >/dev/null
	echo >&"${COPROC[1]}"
	for id in {1..300}; do
		grep -q '^target 2 .* epoll_callbacks=[1-9]' /proc/osconcepts && break
		sleep 0.1
	done
	((id < 300))
	tap_result $? "slots used again: the first target is busy"
	"$helper" del 2 >/dev/null
	for id in {3..20}; do
		"$helper" add "$quiet" >/dev/null || failed=$((failed + 1))
		sleep 0.05
		grep -q "^target $id .* epoll_callbacks=0 epoll_wakeups=0 " /proc/osconcepts || counted=$((counted + 1))
		"$helper" del "$id" >/dev/null || failed=$((failed + 1))
	done
	is 0 "$failed" "slots used again: few serve many targets, one after another"
	is 0 "$counted" "slots used again: nothing of the first is counted in those after it"
	kill -KILL "$keeper" "$busy" "$quiet"
	wait "$keeper" "$busy" "$quiet" 2>/dev/null
	tap_suite "slots used again" "$BUILD/vm-tests/t-exact"
}

# are_members ID PID…: the target has these and their parent. A subshell would be
# one more.
are_members()
{
	local id=$1 live line
	shift
	while read -r line; do
		[[ $line == "target $id "* && $line =~ tasks_live=([0-9]+) ]] && live=${BASH_REMATCH[1]}
	done </proc/osconcepts
	is $(($# + 1)) "$live" "members: all of $#, and their parent"
	is 0 "$(target_field "$id" lost)" "members: nothing is lost"
	((live == $# + 1))
}

# Numbers of processes far apart: each range of 4096 has a leaf of its own, and few
# are at hand.
test_ranges()
{
	local range id
	local -a pids=()
	[[ -w /proc/sys/kernel/ns_last_pid ]] || {
		tap_skip "numbers far apart" "no ns_last_pid"
		return
	}
	reload
	sysctl -qw kernel.pid_max=4194304
	for range in {1..12}; do
		echo $((range * 100000)) >/proc/sys/kernel/ns_last_pid
		sleep 1000 &
		pids+=($!)
	done
	id=$("$helper" add $$)
	are_members "$id" "${pids[@]}"
	tap_result $? "twelve children with numbers far apart are entered"
	for range in {13..24}; do
		echo $((range * 100000)) >/proc/sys/kernel/ns_last_pid
		sleep 1000 &
		pids+=($!)
		sleep 0.2
	done
	are_members "$id" "${pids[@]}"
	tap_result $? "and twelve that are born"
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	echo 1000 >/proc/sys/kernel/ns_last_pid
}

test_bad_parameters()
{
	local said
	module_unload
	said=$(module_load epoll_via=nonsense 2>&1) && tap_result 1 "epoll_via=nonsense is refused"
	has Invalid "$said" "epoll_via=nonsense is invalid"
	has "epoll_via=nonsense is none of" "$(dmesg | tail -n 5)" "the log says why"
	reload max_targets=0 epoll_instances=0
	is 64 "$(</sys/module/osconcepts/parameters/epoll_instances)" "epoll_instances=0 shows what is used"
	is 1 "$(</sys/module/osconcepts/parameters/max_targets)" "max_targets=0 shows what is used"
}

# What is timed, by parameter: at loading and later, shown as it stands.
test_time_parameter()
{
	local time=/sys/module/osconcepts/parameters/time
	reload time=sched,off_cpu=all
	is "sched=targets,off_cpu=all" "$(<$time)" "time=: what loading switched on is shown"
	echo fault=all,sched=all,off_cpu=off >$time
	is "sched=all,fault=all" "$(<$time)" "time=: written, it is all that is on"
	! echo sched=sometimes 2>/dev/null >$time
	tap_result $? "time=: a level that there is not is refused"
	has "time: sched=sometimes: not sched, " "$(dmesg | tail -n 3)" "time=: the log says why"
	is "sched=all,fault=all" "$(<$time)" "time=: and nothing has changed"
	echo >$time
	is "" "$(<$time)" "time=: nothing switches all off"
	module_unload
	module_load time=sometimes 2>/dev/null && tap_result 1 "time=sometimes is refused"
	module_is_loaded
	is 1 $? "time=: a name that there is not is refused at loading"
}

test_ftrace_off()
{
	reload
	sysctl -q kernel.ftrace_enabled=0 2>/dev/null
	is 1 "$(</proc/sys/kernel/ftrace_enabled)" "ftrace cannot be turned off under the hooks"
	module_unload
	if ! sysctl -q kernel.ftrace_enabled=0; then
		tap_skip "ftrace off" "this kernel cannot turn it off"
		module_load
		return
	fi
	module_load
	is unavailable "$(source_field epoll state)" "loaded with ftrace off, epoll is unavailable"
	has ftrace "$(grep '^source epoll ' /proc/osconcepts)" "loaded with ftrace off, epoll says why"
	sysctl -q kernel.ftrace_enabled=1
	reload
	is on "$(source_field epoll state)" "loaded with ftrace on again, epoll counts"
}

test_load_twice
test_rungs
test_missing_hooks
test_limit
test_memory_limit
test_room
test_unproven
test_slots_used_again
test_ranges
test_bad_parameters
test_time_parameter
test_ftrace_off
tap_done
