#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest is suspended up to the freezing of all tasks (the kernel's own test
# of it; its devices do not all come back from more) while everything is timed
# and a process is watched: what it did before and after is counted.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
helper=$BUILD/vm-tests/helper

# Blocks for each line and faults on pages; says what the kernel booked of these.
work='
import mmap, resource, sys
pages = mmap.mmap(-1, 4096 * 1000)
for number, line in enumerate(sys.stdin):
    for page in range(100):
        pages[4096 * (100 * number + page)] = 1
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt, flush=True)
'

if ! grep -q freezer /sys/power/pm_test 2>/dev/null; then
	tap_skip "suspend" "this kernel cannot test it (CONFIG_PM_DEBUG)"
	tap_done
fi
reload time=sched,off_cpu,fault,epoll
coproc python3 -c "$work"
worker=$COPROC_PID

# round: one line to the worker. When it blocks again, $faults and $switches are
# what the kernel has booked.
round()
{
	echo >&"${COPROC[1]}"
	read -r faults <&"${COPROC[0]}"
	until grep -q '^State:.S' "/proc/$worker/status"; do :; done
	switches=$(awk '/^voluntary/ { print $2 }' "/proc/$worker/status")
}

# counted NAME: of the target.
counted()
{
	sed -n "s/^target 1 .* $1=\([0-9]*\) .*/\1/p" /proc/osconcepts
}

# Twice: the first line also runs code for the first time.
round
round
faults_before=$faults switches_before=$switches
"$helper" add "$worker" >/dev/null
echo freezer >/sys/power/pm_test
echo 1 >/sys/module/suspend/parameters/pm_test_delay
tap_run "the guest is frozen and thawed" sh -c 'echo freeze >/sys/power/state'
round
round
is $((switches - switches_before)) "$(counted context_switches_voluntary)" "voluntary switches across it are as booked"
is $((faults - faults_before)) "$(counted page_faults_minor)" "minor faults across it are as booked"
for source in sched fault epoll; do
	is "on 0" "$(source_field $source state) $(source_field $source lost)" "$source: on, nothing lost"
done
is 0 "$(source_field epoll gaps)" "epoll: without a gap"
is 4 "$(grep -c '^timing .*state=on' /proc/osconcepts)" "what was timed still is"
tap_done
