#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Hooks that are taken away under the module, and others that hook the same
# functions beside it: the epoll source says so, stays marked, and counts on
# when it can.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
helper=$BUILD/vm-tests/helper
kprobes=/sys/kernel/debug/kprobes/enabled
tracing=/sys/kernel/tracing
[[ -d $tracing/events ]] || tracing=/sys/kernel/debug/tracing

# callbacks_of N: what /proc/osconcepts counts of them, and of nobody else's.
callbacks_of()
{
	local before
	before=$(proc_value epoll_callbacks)
	"$helper" events "$1"
	echo $(($(proc_value epoll_callbacks) - before))
}

# said_again TEXT COUNT: the log has it so often, in a while.
said_again()
{
	local try
	for try in {1..300}; do
		(($(dmesg | grep -c "$1") >= $2)) && return 0
		sleep 0.1
	done
	echo "# after $try looks the log does not say $2 times: $1"
	return 1
}

target_lost()
{
	sed -n 's/^target 1 .* lost=\([0-9]*\) .*/\1/p' /proc/osconcepts
}

test_kprobes_off()
{
	local warned
	reload epoll_via=kprobe
	is "on 0" "$(source_field epoll state) $(source_field epoll gaps)" "kprobes: counting, with no gap"
	"$helper" add $$ >/dev/null
	(($(callbacks_of 50) >= 50))
	tap_result $? "kprobes: callbacks are counted"
	echo 0 >$kprobes
	is silenced "$(source_field epoll state)" "kprobes off: the source is silenced"
	is 1 "$(source_field epoll gaps)" "kprobes off: that is a gap"
	has "why=kprobes are switched off" "$(grep '^source epoll ' /proc/osconcepts)" "kprobes off: it says why"
	has "kprobes are switched off" "$("$helper" source epoll)" "kprobes off: and by netlink"
	is 0 "$(proc_value epoll_lost)" "kprobes off: what the kprobes missed before is shown"
	is 0 "$(callbacks_of 50)" "kprobes off: nothing is counted"
	is 1 "$(target_lost)" "kprobes off: the target is marked"
	echo 1 >$kprobes
	is on "$(source_field epoll state)" "kprobes on again: the source counts"
	is 1 "$(source_field epoll gaps)" "kprobes on again: the gap stays"
	(($(callbacks_of 50) >= 50))
	tap_result $? "kprobes on again: callbacks are counted"
	is 1 "$(target_lost)" "kprobes on again: the target stays marked"
	# Nobody reads: the module looks by itself.
	warned=$(dmesg | grep -c "source epoll is silenced")
	echo 0 >$kprobes
	said_again "source epoll is silenced" $((warned + 1))
	tap_result $? "a gap that nobody looks at is noticed"
	echo 1 >$kprobes
	said_again "source epoll counts again" 2
	tap_result $? "so is its end"
	is "on 2" "$(source_field epoll state) $(source_field epoll gaps)" "both gaps were counted"
	# Removed and added: the gaps before are not its own.
	"$helper" del 1 >/dev/null
	"$helper" add $$ >/dev/null
	is 0 "$(sed -n 's/^target 2 .* lost=\([0-9]*\) .*/\1/p' /proc/osconcepts)" "a new target has no gap"
}

test_timing_silenced()
{
	reload epoll_via=kprobe time=epoll
	echo 0 >$kprobes
	has "state=silenced" "$(grep '^timing epoll ' /proc/osconcepts)" "kprobes off: the timing of wakeups is silenced"
	echo 1 >$kprobes
	has "state=on" "$(grep '^timing epoll ' /proc/osconcepts)" "kprobes on: it goes on"
}

# The timing of faults keeps ftrace on by itself.
test_ftrace_kept_on()
{
	reload hide=ep_poll_callback
	is unavailable "$(source_field epoll state)" "without epoll's hooks"
	sysctl -q kernel.ftrace_enabled=0
	is 0 "$(</proc/sys/kernel/ftrace_enabled)" "ftrace can be turned off"
	echo fault 2>/dev/null >/sys/module/osconcepts/parameters/time
	has "level=off" "$(grep '^timing fault ' /proc/osconcepts)" "ftrace off: faults cannot be timed"
	sysctl -q kernel.ftrace_enabled=1
	echo fault >/sys/module/osconcepts/parameters/time
	has "state=on" "$(grep '^timing fault ' /proc/osconcepts)" "ftrace on: faults are timed"
	sysctl -q kernel.ftrace_enabled=0 2>/dev/null
	is 1 "$(</proc/sys/kernel/ftrace_enabled)" "faults timed: ftrace cannot be turned off"
	echo >/sys/module/osconcepts/parameters/time
	sysctl -q kernel.ftrace_enabled=0
	is 0 "$(</proc/sys/kernel/ftrace_enabled)" "faults not timed any more: it can"
	sysctl -q kernel.ftrace_enabled=1
}

# Others on the same function: a kprobe, and the function tracer.
test_beside_others()
{
	local via
	for via in direct ftrace kprobe; do
		reload "epoll_via=$via"
		echo 'p:osc_test ep_poll_callback' >$tracing/kprobe_events
		echo 1 >$tracing/events/kprobes/osc_test/enable
		echo ep_poll_callback >$tracing/set_ftrace_filter
		echo function >$tracing/current_tracer
		is "on $via" "$(source_field epoll state) $(source_field epoll via)" "$via: on beside a kprobe and the function tracer"
		(($(callbacks_of 50) >= 50))
		tap_result $? "$via: counts beside them"
		echo nop >$tracing/current_tracer
		echo >$tracing/set_ftrace_filter
		echo 0 >$tracing/events/kprobes/osc_test/enable
		echo >$tracing/kprobe_events
		(($(callbacks_of 50) >= 50))
		tap_result $? "$via: counts when they have gone"
		is 0 "$(source_field epoll gaps)" "$via: without a gap"
	done
}

# bpf_begin: BPF counts the same function, attached when this returns 0.
bpf_begin()
{
	local try
	# A job without job control ignores the SIGINT that bpftrace reports on.
	env --default-signal=INT bpftrace -e 'kfunc:ep_poll_callback { @n = count(); }' >/tmp/bpf.out 2>&1 &
	bpf=$!
	for try in {1..300}; do
		grep -q 'direct-->bpf_trampoline' $tracing/enabled_functions && return 0
		kill -0 $bpf 2>/dev/null || break
		sleep 0.1
	done
	sed 's/^/# /' /tmp/bpf.out
	return 1
}

# bpf_refused: BPF's attaching was, and that ended it.
bpf_refused()
{
	local try
	bpf_begin && return 1
	for try in {1..50}; do
		kill -0 $bpf 2>/dev/null || break
		sleep 0.2
	done
	((try < 50)) || kill -KILL $bpf
	wait $bpf
	((try < 50)) && grep -q 'Error attaching probe' /tmp/bpf.out
}

# both_count NAME: the module and BPF, of 50 callbacks and those that bpftrace
# causes; then BPF ends.
both_count()
{
	local ours bpfs try
	ours=$(callbacks_of 50)
	# One that comes between attaching and waiting for events is forgotten.
	for try in {1..150}; do
		kill -INT $bpf 2>/dev/null || break
		sleep 0.2
	done
	((try < 150)) || kill -KILL $bpf
	wait $bpf
	bpfs=$(sed -n 's/^@n: //p' /tmp/bpf.out)
	((ours >= 50 && bpfs >= 50))
	tap_result $? "$1: the module counts $ours callbacks, BPF $bpfs"
}

# A function belongs to one direct caller: BPF's is left alone.
test_beside_bpf()
{
	if [[ ! -e /sys/kernel/btf/vmlinux ]]; then
		tap_skip "BPF beside the module" "this kernel has no BTF for bpftrace's kfunc"
		return
	fi
	command -v bpftrace >/dev/null || {
		tap_skip "BPF beside the module" "no bpftrace; try: apt-get install bpftrace"
		return
	}
	module_unload || return
	bpf_begin
	tap_result $? "BPF is attached before the module"
	module_load
	is "on ftrace" "$(source_field epoll state) $(source_field epoll via)" "BPF first: the next way is taken"
	has "why=ep_poll_callback is another tracer's" "$(grep '^source epoll ' /proc/osconcepts)" "BPF first: it says why"
	both_count "BPF first"
	(($(callbacks_of 50) >= 50))
	tap_result $? "BPF gone: callbacks are counted"
	is 0 "$(source_field epoll gaps)" "BPF gone: without a gap"
	# The module first: BPF is refused where it calls directly, and nothing lost.
	reload
	is direct "$(source_field epoll via)" "BPF gone: the direct way is free again"
	bpf_refused
	tap_result $? "direct: BPF is refused"
	(($(callbacks_of 50) >= 50))
	tap_result $? "direct: callbacks are counted"
	reload epoll_via=ftrace
	bpf_begin
	tap_result $? "ftrace: BPF attaches to what the module hooks"
	both_count "ftrace"
	is "on 0" "$(source_field epoll state) $(source_field epoll gaps)" "ftrace: without a gap"
}

# attached TEXT FILE…: a tool has said so in one of its files.
attached()
{
	local try text=$1
	shift
	for try in {1..300}; do
		grep -qs "$text" "$@" && return 0
		sleep 0.1
	done
	sed 's/^/# /' "$@"
	return 1
}

# logged_at TEXT: when the last such line was logged, in hundredths of a second.
logged_at()
{
	dmesg | sed -n "s/^\[ *\([0-9]*\)\.\([0-9][0-9]\).*$1.*/\1\2/p" | tail -n 1
}

# The hooks come and go three times under a storm of events, perf and BPF on the
# same function; nobody reads, the module looks by itself, once a second.
test_storm()
{
	local storm perf="" bpf="" round warned begun late latest=0
	reload epoll_via=kprobe
	nice -n 19 "$helper" storm &
	storm=$!
	"$helper" add $storm >/dev/null
	if command -v perf >/dev/null; then
		perf record -q -a -e sched:sched_switch -o /dev/null &
		perf=$!
	fi
	if command -v bpftrace >/dev/null; then
		bpftrace -e 'kprobe:ep_poll_callback { @n = count(); } interval:ms:500 { printf("here\n"); }' >/tmp/storm.out 2>&1 &
		bpf=$!
		attached here /tmp/storm.out
		tap_result $? "storm: perf and BPF are attached, to the same function too"
	fi
	for round in {1..3}; do
		warned=$(dmesg | grep -c "source epoll is silenced")
		begun=$(sed 's/\.\(..\).*/\1/' /proc/uptime)
		echo 0 >$kprobes
		said_again "source epoll is silenced" $((warned + 1)) || break
		late=$(($(logged_at "source epoll is silenced") - begun))
		((late <= latest)) || latest=$late
		echo 1 >$kprobes
		said_again "source epoll counts again" $((warned + 1)) || break
	done
	echo "# storm: noticed after at most $((latest * 10)) ms of the guest's clock"
	is "3 on 3" "$round $(source_field epoll state) $(source_field epoll gaps)" "storm: three gaps, each noticed, and it counts again"
	is 3 "$(target_lost)" "storm: the target is marked by each"
	(($(callbacks_of 50) >= 50))
	tap_result $? "storm: callbacks are counted"
	kill -KILL $storm
	# shellcheck disable=SC2086
	kill -INT $perf $bpf 2>/dev/null
	# shellcheck disable=SC2086
	wait $storm $perf $bpf 2>/dev/null
}

test_kprobes_off
test_storm
test_timing_silenced
test_ftrace_kept_on
test_beside_others
test_beside_bpf
tap_done
