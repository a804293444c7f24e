#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# stat, watch, monitor, targets and sources with the module, and the examples
# of the man pages that need it.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
source tests/vm/lib/cli.sh
helper=$BUILD/vm-tests/helper

test_sources()
{
	check "sources are listed" 0 '' osconcepts sources --json
	holds "the three sources count" \
		'.[0].sources | map([.name, .state]) | sort == [["epoll", "on"], ["fault", "on"], ["sched", "on"]]'
}

test_stat()
{
	check "a command is counted by the module" 7 '' \
		osconcepts stat --json -o /dev/stdout -- sh -c 'sleep 0.1; /bin/true & wait; exit 7'
	holds "with every counter, every task, and nothing lost" \
		'.[0] | .source == "module" and ([.counters[]] | all(. != null)) and
		 .tasks_exited == 3 and .tasks_live == 0 and .lost == 0 and
		 .counters.context_switches == .counters.context_switches_voluntary + .counters.context_switches_involuntary'
	check "the whole system, too" 0 'source: module' osconcepts stat -d 50ms
	check "with its CPU time and run delay" 0 '' osconcepts stat -d 200ms --json
	holds "as the kernel counts them" \
		'.[0] | .counters.cpu_ns != null and .counters.run_delay_ns != null and .standing.cpu_ns.standing == "interval"'
	no_targets
	tap_result $? "stat leaves no target"
}

# A process that ends while it comes to be watched: its PID may be another's by
# then, so nothing is counted.
test_stat_of_ended()
{
	local command
	for command in "stat -p" "watch -n 1 -p"; do
		# shellcheck disable=SC2086
		check "$command of a process that has just ended is an error" 1 'it has ended already; try ps -e' \
			timeout 60 strace -qq -o /dev/null -e inject=pidfd_open:error=ESRCH osconcepts $command $$
	done
}

# start_as PID COMMAND…: in the background, with that PID; it is in $!.
start_as()
{
	local want=$1 try
	shift
	for try in {1..100}; do
		echo $((want - 1)) >/proc/sys/kernel/ns_last_pid
		"$@" &
		[[ $! != "$want" ]] || return 0
		kill $!
		wait $! 2>/dev/null
	done
	echo "# no process got PID $want in $try tries"
	return 1
}

# A PID is the process's that has it now, not that of a target which had it once.
test_pid_reused()
{
	sleep 1000 &
	local pid=$! old new
	old=$(osconcepts targets add "$pid" --json | jq '.targets[0].id')
	kill "$pid"
	wait "$pid" 2>/dev/null
	check "while nobody has the PID of an ended target it names the target" 0 '' \
		osconcepts targets show "$pid" --json
	holds "by ID" ".[0].targets[0] | .id == $old and .state == \"exited\" and .root_state == \"exited\""
	start_as "$pid" bash -c 'while sleep 0.01; do :; done'
	tap_result $? "a second process gets the PID"
	check "then it does not name the ended target" 1 \
		"none has this ID or PID: a process that has ended had it in target $old" \
		osconcepts targets show "$pid"
	check "nor is that removed by it" 1 "cannot find the target '$pid'" osconcepts targets del "$pid"
	check "hist watches the process that has the PID" 0 '' \
		osconcepts hist -T sched -t "$pid" -d 500ms --json
	holds "and not the ended target" ".[0].histograms | length == 2 and
		all(.target.id != $old and .target.pid == $pid and .count > 0)"
	new=$(osconcepts targets add "$pid" --json | jq '.targets[0].id')
	check "the live target comes first by PID" 0 '' osconcepts targets show "$pid" --json
	holds "in show" ".[0].targets[0].id == $new"
	check "and in del" 0 '' osconcepts targets del "$pid" --json
	holds "too" ".[0].targets[0].id == $new"
	kill "$pid"
	check "by name, an ended one is found" 0 '' osconcepts targets del sleep --json
	holds "where no live one is called so" ".[0].targets[0].id == $old"
	check "a word that names none removes nothing" 1 "cannot find the target 'nobody'" \
		osconcepts targets del nobody
}

# A target of stat goes with it, however it ends.
test_stat_ends()
{
	local signal counter
	for signal in INT KILL; do
		env --default-signal=INT osconcepts stat -p $$ >"$dir/stat" 2>&1 &
		counter=$!
		until ! no_targets; do sleep 0.1; done
		# Only now does Ctrl-C count, not end it.
		until grep -q 'SigBlk:.*4003$' "/proc/$counter/status"; do sleep 0.1; done
		kill -$signal "$counter"
		wait "$counter"
		no_targets
		tap_result $? "after SIG$signal no target of stat is left"
	done
}

test_targets()
{
	sleep 1000 &
	local sleeper=$!
	check "a process is added" 0 '' osconcepts targets add "$sleeper" --json
	holds "and told" ".[0].targets[0] | .pid == $sleeper and .comm == \"sleep\" and .state == \"live\" and .follow"
	local id
	id=$(jq '.targets[0].id' "$dir/out")
	check "and twice" 0 ' sleep ' osconcepts targets add "$sleeper"
	check "a PID of two names none of them" 1 'all have this PID; try one of these IDs' \
		osconcepts targets show "$sleeper"
	check "it is removed by its ID" 0 ' sleep ' osconcepts targets del $((id + 1))
	check "stat counts a process that is in a target" 0 'source: module' \
		osconcepts stat -p "$sleeper" -d 100ms
	check "watch, too" 0 "process $sleeper" osconcepts watch -p "$sleeper" -n 1 -i 100ms
	check "it is listed" 0 ' sleep ' osconcepts targets
	check "and shown" 0 'waiters woken from epoll_wait' osconcepts targets show "$id"
	kill "$sleeper"
	wait "$sleeper" 2>/dev/null
	check "when it has ended its counts are final" 0 ' exited ' osconcepts targets
	check "del removes nothing when a word names no target" 1 "cannot find the target '4000000'" \
		osconcepts targets del "$id" 4000000
	check "one that is named twice is removed, its counts are shown, the second is an error" 1 ' sleep ' \
		osconcepts targets del "$id" "$id"
	check "an unknown target is an error" 1 "cannot find the target '$id': none has this ID or PID" \
		osconcepts targets del "$id"
	check "a process that is gone is an error" 1 'try ps -e' osconcepts targets add "$sleeper"
}

# More than fit into one message of a dump.
test_many()
{
	local pids=() ids
	for _ in {1..120}; do
		sleep 1000 &
		pids+=($!)
		osconcepts targets add $! >/dev/null || break
	done
	check "120 targets are listed" 0 '' osconcepts targets --json
	holds "each once" '.[0].targets | length == 120 and (map(.id) | unique | length) == 120'
	mapfile -t ids < <(jq '.targets[].id' "$dir/out")
	check "and removed at once" 0 '' osconcepts targets del "${ids[@]}"
	no_targets
	tap_result $? "none is left"
	kill "${pids[@]}"
}

test_monitor()
{
	env --default-signal=INT osconcepts monitor --json >"$dir/events" 2>"$dir/listening" &
	local monitor=$!
	until grep -q listening "$dir/listening"; do
		kill -0 "$monitor" || break
		sleep 0.1
	done
	osconcepts stat true 2>/dev/null
	sleep 1
	kill -INT "$monitor"
	wait "$monitor"
	tap_result $? "monitor ends well by Ctrl-C"
	cp "$dir/events" "$dir/out"
	holds "a target's life is three events" \
		'map(.event) == ["add", "exit", "del"] and (map(.target.id) | unique | length) == 1'
	holds "the last two have the same counts" '.[1].target.counters == .[2].target.counters'
}

# Of the events, those told and those lost.
told_and_lost()
{
	jq -s 'map(if .event == "lost" then .lost else 1 end) | add' "$dir/events"
}

# Whoever does not read loses events, and is told how many.
test_monitor_too_slow()
{
	env --default-signal=INT osconcepts monitor --json >"$dir/events" 2>"$dir/slow" &
	local monitor=$! try
	until grep -q listening "$dir/slow"; do
		kill -0 "$monitor" || break
		sleep 0.1
	done
	kill -STOP "$monitor"
	"$helper" churn $$ 300
	kill -CONT "$monitor"
	for try in {1..300}; do
		[[ $(told_and_lost) == 600 ]] && break
		sleep 0.1
	done
	kill -INT "$monitor"
	wait "$monitor"
	cp "$dir/events" "$dir/out"
	holds "a monitor that does not read is told that it lost events" \
		'map(select(.event == "lost").lost) | add > 0'
	[[ $(told_and_lost) == 600 ]] || echo "# told and lost: $(told_and_lost), at look $try"
	[[ $(told_and_lost) == 600 ]]
	tap_result $? "those told and those lost are all 600 events"
}

test_watch()
{
	check "watch shows every CPU" 0 '' osconcepts watch -n 1 -i 200ms --json
	holds "and the system" \
		".[0].rates | (map(select(.scope == \"cpu\")) | length) == $(nproc) and .[0].scope == \"system\""
}

test_rights()
{
	local command
	for command in "targets add" "stat -p" "watch -p" "hist -d 10ms -T sched -t"; do
		# shellcheck disable=SC2086
		check "$command of another's process is refused, saying what to try" 77 'try sudo' \
			"${user[@]}" "$BUILD/osconcepts" $command $$
	done
	check "one's own command needs no rights" 0 'source: module' \
		"${user[@]}" "$BUILD/osconcepts" stat true
	check "all notifications do" 77 'needs CAP_SYS_ADMIN; try sudo' \
		"${user[@]}" "$BUILD/osconcepts" monitor
}

# unload: at once, with whatever is watched and timed; a read may hold the module.
unload()
{
	local try
	for try in {1..100}; do
		rmmod osconcepts 2>/dev/null && return
		sleep 0.05
	done
	echo "# rmmod failed $try times"
	return 1
}

# begun FILE TEXT: a command in the background has said so.
begun()
{
	local try
	for try in {1..600}; do
		grep -q "$2" "$1" && return
		sleep 0.1
	done
	return 1
}

# ended NAME PID STATUS: a command in the background ends with it, and soon.
ended()
{
	local try
	for try in {1..600}; do
		kill -0 "$2" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL "$2" 2>/dev/null
	wait "$2"
	is "$3" $? "$1"
}

# The module goes while commands use it: each says so, with what it had counted, and
# ends as where there is none.
test_unloaded()
{
	local said="the module osconcepts has been unloaded; try: "
	local monitor counter command watch hist
	osconcepts monitor --json >"$dir/events" 2>"$dir/monitor" &
	monitor=$!
	begun "$dir/monitor" listening
	osconcepts stat true 2>/dev/null
	bash -c 'while sleep 0.01; do :; done' &
	local worker=$!
	osconcepts stat -p "$worker" -I 100 >"$dir/stat" 2>&1 &
	counter=$!
	osconcepts stat -I 100 --json -o "$dir/command" -- sh -c 'while [ ! -e "$1" ]; do sleep 0.1; done; exit 5' sh "$dir/go" 2>"$dir/command.err" &
	command=$!
	osconcepts watch -i 100ms >"$dir/watch" 2>&1 &
	watch=$!
	osconcepts hist -T sched -t "$worker" -I 100 --json >"$dir/hist" 2>"$dir/hist.err" &
	hist=$!
	begun "$dir/stat" '\.'
	begun "$dir/command" time_s
	begun "$dir/watch" cpu0
	begun "$dir/hist" time_slice
	# So that no answer of any is under way when it is read.
	sleep 2
	unload
	tap_result $? "the module can be unloaded while it is used"
	ended "monitor ends" "$monitor" 77
	has "cannot hear notifications: $said" "$(<"$dir/monitor")" "and says why"
	cp "$dir/events" "$dir/out"
	holds "behind all that came before" 'map(.event) | index("del") != null'
	ended "stat -p ends" "$counter" 77
	has "$said" "$(<"$dir/stat")" "and says why"
	[[ $(<"$dir/stat") == *[≥=]*context_switches* ]]
	tap_result $? "with what it had counted, as lower bounds"
	touch "$dir/go"
	ended "stat of a command waits for that, and ends" "$command" 77
	has "$said" "$(<"$dir/command.err")" "and says why"
	tail -n 1 "$dir/command" >"$dir/out"
	holds "with what it had counted" '.[0] | .schema == "osconcepts-stat/1" and
		.counters.context_switches_voluntary > 0 and
		.standing.context_switches_voluntary.standing == "lower-bound"'
	ended "watch ends" "$watch" 77
	has "$said" "$(<"$dir/watch")" "and says why"
	ended "hist ends" "$hist" 77
	has "$said" "$(<"$dir/hist.err")" "and says why"
	tail -n 1 "$dir/hist" >"$dir/out"
	holds "with what it had counted" '.[0] | .schema == "osconcepts-hist/1" and .cut_short and
		(.histograms | map(select(.name == "time_slice")) | .[0].count > 0)'
	kill "$worker"
	module_load
}

# It is there again before anybody has looked: it is another one all the same.
test_reloaded()
{
	local said="the module osconcepts has been unloaded; try: "
	local monitor counter
	osconcepts monitor >"$dir/monitor" 2>&1 &
	monitor=$!
	begun "$dir/monitor" listening
	osconcepts stat -p $$ >"$dir/stat" 2>&1 &
	counter=$!
	until ! no_targets; do sleep 0.1; done
	kill -STOP "$monitor" "$counter"
	unload && module_load
	tap_result $? "the module is loaded anew"
	kill -CONT "$monitor" "$counter"
	ended "monitor does not take it for the old one" "$monitor" 77
	has "$said" "$(<"$dir/monitor")" "and says so"
	ended "nor does stat" "$counter" 77
	has "$said" "$(<"$dir/stat")" "which says so, too"
}

# A monitor that lost what told of the unloading looks for itself.
test_unloaded_unseen()
{
	osconcepts monitor >"$dir/monitor" 2>&1 &
	local monitor=$!
	begun "$dir/monitor" listening
	kill -STOP "$monitor"
	"$helper" churn $$ 300
	unload
	kill -CONT "$monitor"
	ended "a monitor with a full buffer sees that the module has gone" "$monitor" 77
	has " lost: events came faster" "$(<"$dir/monitor")" "and that it has lost events"
	module_load
}

# What osconceptsd measures ends with an error, in whatever command asked for it.
test_unloaded_daemon()
{
	osconcepts compare --models epoll --backend module -r 9 --no-progress >"$dir/run" 2>&1 &
	local compare=$! try
	for try in {1..600}; do
		no_targets || break
		sleep 0.1
	done
	unload
	ended "compare ends when the module goes" "$compare" 77
	# Between two runs nothing of it is open: there is none, then.
	has "; try: sudo" "$(grep -E 'the module osconcepts (has been unloaded|is not loaded)' "$dir/run")" \
		"and says why"
	module_load
}

test_sources
test_stat
test_stat_of_ended
test_stat_ends
test_targets
test_pid_reused
test_many
test_monitor
test_monitor_too_slow
test_watch
test_rights
test_unloaded
test_reloaded
test_unloaded_unseen
test_unloaded_daemon
tap_suite "on narrow terminals" bats --tap -f "module's tables" tests/cli/terminal.bats
tap_suite "the examples of the man pages" tests/cli/man-examples \
	Documentation/man/osconcepts.1 \
	Documentation/man/osconcepts-{stat,watch,monitor,targets,sources}.1
tap_done
