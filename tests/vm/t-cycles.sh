#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Loaded and unloaded OSC_CYCLES times (default 10) while forks, faults and
# epoll go on, /proc/osconcepts is read and notifications are listened to; each
# second time with all timings on. Nothing is left behind; the runner of the
# guest ends with a search for leaks on a kernel that has one.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
helper=$BUILD/vm-tests/helper
tracing=/sys/kernel/tracing
[[ -d $tracing/events ]] || tracing=/sys/kernel/debug/tracing
cycles=${OSC_CYCLES:-10}

# What the module could leave in the kernel, as text.
traces()
{
	ls -d /proc/osconcepts /sys/module/osconcepts 2>/dev/null
	"$helper" family && echo "the netlink family"
	cat $tracing/enabled_functions /sys/kernel/debug/kprobes/list
	grep osc_ /proc/slabinfo
	cat $tracing/set_event
}

read_forever()
{
	while :; do
		cat /proc/osconcepts
		dd if=/proc/osconcepts bs=7 status=none
	done >/dev/null 2>&1
}

# cycle N: in use in every way, then gone; prints the step that failed.
cycle()
{
	local -a parameters=()
	(($1 % 2)) || parameters=('time=sched=all,off_cpu=all,fault=all,epoll=all,epoll_return=all')
	module_load "${parameters[@]}" || { echo "# cycle $1: load"; return 1; }
	exec 8</proc/osconcepts
	read -r -N 5 _ <&8
	"$helper" add "$storm" >/dev/null || { echo "# cycle $1: add"; return 1; }
	"$helper" add $$ >/dev/null || { echo "# cycle $1: add ourselves"; return 1; }
	sleep 0.1
	module_unload || { echo "# cycle $1: unload"; return 1; }
	# What was opened before answers no more, and harms nothing.
	cat <&8 >/dev/null 2>&1
	exec 8<&-
}

module_unload
before=$(traces)
"$helper" storm &
storm=$!
"$helper" watch &
watcher=$!
read_forever &
reader=$!

# Before those who load the machine: they have it whenever we wait.
renice -n -15 -p $$ >/dev/null
failed=0
for ((i = 1; i <= cycles; i++)); do
	cycle "$i" || { failed=$((failed + 1)); module_unload; }
	echo "# $i cycles, $failed failed, up $(cut -d" " -f1 /proc/uptime) s"
done
((failed == 0))
tap_result $? "$cycles times loaded, watched, read and unloaded under a storm"
kill -0 "$storm" && kill -0 "$watcher" && kill -0 "$reader"
tap_result $? "the storm, the watcher and the reader outlive it"
kill -KILL "$storm" "$watcher" "$reader"
wait "$storm" "$watcher" "$reader" 2>/dev/null
after=$(traces)
diff <(echo "$before") <(echo "$after") | sed 's/^/# /'
[[ $before == "$after" ]]
tap_result $? "nothing is left: no entry, family, hook or cache"
tap_done
