#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts compare with the module: every audit holds, the models and modes
# differ as they must, and a user without rights may do it, too.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
dir=$(mktemp -d /tmp/t-compare.XXXXXX)
trap 'rm -rf "$dir"' EXIT

# compare OPTION…: into $dir/c.json; on failure what it said is a remark.
compare()
{
	"$BUILD/osconcepts" compare --backend module --json "$dir/c.json" "$@" >"$dir/log" 2>&1 ||
		{ sed 's/^/# /' "$dir/log"; false; }
}

# holds NAME FILTER: of the document
holds()
{
	jq -e "$2" "$dir/c.json" >/dev/null || {
		jq -c '.runs[] | [.model, .mode, .requests, .connections, .server.forks, .kernel]' "$dir/c.json" | sed 's/^/# /'
		false
	}
	tap_result $? "$1"
}

compare -n 400 -c 8 -r 1
tap_result $? "three models in two modes are compared"
holds "every audit holds, and the exact ones were made" \
	'.overall.ok and (.runs | all(.audit | map(.counter) | contains(["page_faults_minor", "context_switches_voluntary", "tasks", "system_context_switches_inner"])))'
holds "epoll's counters are calibrated to the unit" \
	'.calibration | map(.counter) == ["epoll_callbacks", "epoll_wakeups"] and all(.ok and .kernel == 200 and .independent == 200)'
holds "nothing is lost" '.runs | all(.kernel.lost == 0)'
holds "a fork server's 400 one-request connections are 400 children folded in" \
	'.runs[] | select(.model == "fork" and .mode == "close") | .connections == 400 and .server.forks == 400 and .kernel.tasks_exited == 400'
holds "kept alive they are 8" \
	'.runs[] | select(.model == "fork" and .mode == "keepalive") | .connections == 8 and .kernel.tasks_exited == 8'
holds "a fork costs page faults, a connection of its own costs switches" \
	'[.summary[] | {(.model + "_" + .mode): .per_request}] | add |
	 .fork_close.page_faults_minor.median > 10 * .fork_keepalive.page_faults_minor.median and
	 .fork_close.page_faults_minor.median > 10 * .epoll_close.page_faults_minor.median and
	 .thread_close.context_switches_voluntary.median > .thread_keepalive.context_switches_voluntary.median'
holds "each further connection has a kernel stack where it has a task, and none in a loop" \
	'[.summary[] | {(.model + "_" + .mode): (.memory.kernel_stacks | [.low, .slope, .high] | map(round))}] | add |
	 .fork_close == [16384, 16384, 16384] and .thread_keepalive == .fork_close and .epoll_keepalive == [0, 0, 0]'
holds "setting one up costs a process more faults than a thread, and a loop next to none" \
	'[.summary[] | {(.model + "_" + .mode): .per_connection.page_faults_minor}] | add |
	 .fork_keepalive.low > .thread_keepalive.high and .thread_keepalive.low > 1 and .epoll_keepalive.high < 0.2'
holds "epoll alone is woken from epoll" \
	'.runs | all((.model == "epoll") == (.kernel.epoll_wakeups > 0))'
holds "each wakeup is a return of epoll_wait" \
	'[.runs[] | select(.model == "epoll")] | all(.kernel.epoll_wakeups <= .server.waits)'

compare --models fork,epoll --modes close -d 1s -c 4 -r 1
tap_result $? "by time instead of requests"
holds "samples follow the load, counters never decrease" \
	'.runs | all(.samples | length >= 9 and (map(.context_switches) | . == sort) and (map(.tasks_exited) | . == sort))'

chmod 777 "$dir"
rm -f "$dir/c.json"
setpriv --reuid 12345 --regid 12345 --clear-groups "$BUILD/osconcepts" compare --backend module \
	--json "$dir/c.json" -n 100 -c 2 -r 1 >"$dir/log" 2>&1 || sed 's/^/# /' "$dir/log"
holds "a user without rights compares their own servers" '.overall.ok and .source == "module"'

[[ -z $(sed -n '/^target /p' /proc/osconcepts) && -z $(pgrep osconcept) ]]
tap_result $? "no target and no process is left"
tap_done
