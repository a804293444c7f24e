#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The scheduler's times beside those that perf sched timehist has of the same
# tasks, from the tracepoints.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
source tests/vm/lib/cli.sh

# What two sums may differ by, in thousandths. Both look in one section of the
# scheduler, under the run queue's lock: the kernel reads the queue's clock where
# it begins and perf its own at the tracepoint, rounded to a microsecond. Emulated
# that is 10 to 40 us at each end of a span, and most spans take 15 ms or more here.
BOUND=10

# Two that compete for a CPU, in turns that are long for an emulated one, and sleep
# in between. What is timed begins and ends with everybody stopped.
work='
import os, signal, time
os.sched_setaffinity(0, {0})
os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
def compete():
    for i in range(10):
        until = time.thread_time_ns() + 40000000
        while time.thread_time_ns() < until:
            pass
        time.sleep(0.02)
def life():
    while True:
        os.kill(os.getpid(), signal.SIGSTOP)
        compete()
child = os.fork()
if child:
    print(os.getpid(), child, flush=True)
life()
'

# settled: all of the target are stopped.
settled()
{
	local pid
	for pid in "${pids[@]}"; do
		until grep -q '^State:.T' "/proc/$pid/status"; do sleep 0.05; done
	done
}

# timehist_sums: "HISTOGRAM COUNT MICROSECONDS", of its lines. What follows a
# preemption waits for a CPU all the time; what blocked does from its wakeup on.
timehist_sums()
{
	awk 'function add(name, ms) { count[name]++; sum[name] += ms * 1000 }
		$1 ~ /^[0-9.]+$/ {
			task = $3; off = $(NF - 3); delay = $(NF - 2)
			preempted = task in state && state[task] !~ /^[SDTtI]/
			add("time_slice", $(NF - 1))
			add("run_queue_wait", preempted ? off : delay)
			if (task in state)
				add(preempted ? "off_cpu_involuntary" : "off_cpu_voluntary", off)
			state[task] = $NF
		}
		END { for (name in sum) printf "%s %d %d\n", name, count[name], sum[name] }'
}

# measure: what both have of one run, in /tmp/theirs and /tmp/ours.
measure()
{
	# Histograms begin anew, and so do the spans.
	echo >/sys/module/osconcepts/parameters/time
	echo sched,off_cpu >/sys/module/osconcepts/parameters/time
	# As perf sched record, less events that timehist has no use for: each that
	# is recorded makes the section longer.
	perf record -a -R -m 1024 -c 1 -e sched:sched_switch,sched:sched_wakeup,sched:sched_wakeup_new \
		-o /tmp/perf.data -- sh -c "kill -CONT ${pids[*]}; sleep 3" >/tmp/record.log 2>&1 || return
	settled
	osconcepts hist -t "$id" --json |
		jq -r '.histograms[] | "\(.name) \(.count) \(.sum / 1000 | floor)"' | sort >/tmp/ours
	perf sched timehist -i /tmp/perf.data --state --pid "${pids[0]},${pids[1]}" \
		>/tmp/timehist 2>/tmp/timehist.err || return
	timehist_sums </tmp/timehist | sort >/tmp/theirs
}

# counted: of all four kinds as many spans, none of them lost on the way: "TIME lost
# N events on cpu C", among timehist's lines.
counted()
{
	grep -iE ' lost [0-9]' /tmp/timehist /tmp/timehist.err && return 1
	[[ $(cut -d' ' -f1 /tmp/theirs | xargs) == "off_cpu_involuntary off_cpu_voluntary run_queue_wait time_slice" &&
		$(cut -d' ' -f1,2 /tmp/theirs) == "$(cut -d' ' -f1,2 /tmp/ours)" ]] && return
	diff /tmp/theirs /tmp/ours | sed 's/^/# /'
	return 1
}

# sums_near: the sums are within the bound of each other, all four.
sums_near()
{
	join -o 0,1.3,2.3 /tmp/theirs /tmp/ours | awk -v bound="$BOUND" '
		{ apart = $2 > $3 ? $2 - $3 : $3 - $2 }
		{ printf "# %s: timehist has %d us, ours are %d us\n", $1, $2, $3 }
		$2 <= 0 || apart * 1000 > bound * $2 { far = 1 }
		END { exit far || NR != 4 }'
}

command -v perf >/dev/null || {
	echo "1..0 # SKIP no perf; try: apt-get install linux-perf"
	exit 0
}
reload
tap_run "turns last 15 ms" sysctl -qw kernel.sched_rr_timeslice_ms=15
coproc python3 -c "$work"
read -r -a pids <&"${COPROC[0]}"
settled
id=$("$BUILD/vm-tests/helper" add "${pids[0]}")
# What else the host runs may hold up the guest between the two readings, by some
# 10 ms at a time: the sums are then apart by as much, of some hundred. Counts are
# not.
for run in {1..5}; do
	measure
	tap_result $? "run $run: perf records, and timehist reads it"
	counted
	tap_result $? "run $run: as many spans of each kind, and none is lost"
	sums_near
	far=$?
	((far)) || break
done
tap_result "$far" "the sums are within $BOUND thousandths of each other"
kill -KILL "${pids[@]}"
wait "${pids[0]}" 2>/dev/null
tap_done
