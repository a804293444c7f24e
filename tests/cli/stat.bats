#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts stat and watch, as far as /proc can count: the same everywhere.
# What the module adds is tested in the guest, tests/vm/t-cli.sh.

# $stat is a command with options; $stderr is set by bats.
# shellcheck disable=SC2086,SC2154

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/wait.bash
source "$BATS_TEST_DIRNAME/lib/wait.bash"

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	PATH=${BUILD:-$top/build}:$PATH
	export OSCONCEPTS_EMULATED=0
	json=$BATS_TEST_TMPDIR/json
	stat="osconcepts stat --backend procfs"
}

teardown()
{
	[[ -z ${sleeper-} ]] || kill "$sleeper" 2>/dev/null || true
}

# What was printed, with each note on one line.
unfolded()
{
	sed ':next; N; $!b next; s/\n  \([^ ]\)/ \1/g' <<<"$output"
}

# has_pidfd PID: among its descriptors
has_pidfd()
{
	grep -qs ^NSpid: "/proc/$1/fdinfo/"*
}

need_jq()
{
	command -v jq >/dev/null || skip "no jq; try scripts/deps"
}

@test "the exit status is that of the command" {
	run -3 $stat sh -c 'exit 3'
	run -137 $stat sh -c 'kill -9 $$'
	run -0 $stat true
}

@test "a command that cannot be run is 127 or 126, and says why" {
	run -127 --separate-stderr $stat /nonexistent/program
	[[ $stderr == *"cannot execute /nonexistent/program: No such file"* ]]
	run -126 --separate-stderr $stat /etc/passwd
	[[ $stderr == *"Permission denied"* ]]
}

@test "the command has stdout to itself, the counts are on stderr" {
	run -0 --separate-stderr $stat echo hello
	[[ $output == hello ]]
	[[ $stderr == *"Counts of 'echo hello', source: procfs"* ]]
	[[ $stderr == *page_faults_minor* && $stderr == *"seconds elapsed"* ]]
}

@test "epoll is not counted by /proc, and shown so" {
	need_jq
	run -0 --separate-stderr $stat true
	grep -qE '^ +- epoll_wakeups +-$' <<<"$stderr"
	$stat --json -o "$json" true
	jq -e '(.counters | .epoll_wakeups == null and .epoll_callbacks == null) and
		(.standing.epoll_wakeups | .standing == "absent" and (.why | test("/proc")))' "$json"
	# A dash has its reason.
	[[ $stderr == *$'\n'"- epoll_callbacks, epoll_wakeups: /proc does not count epoll events; load the"* ]]
}

@test "the JSON names its schema, the command, its status and the platform" {
	need_jq
	run -5 $stat --json -o "$json" sh -c 'exit 5'
	jq -e '.schema == "osconcepts-stat/1" and .source == "procfs" and
		.command == ["sh", "-c", "exit 5"] and .exit_status == 5 and
		.exit_signal == null and .system == false and
		.counters.page_faults_minor > 0 and .elapsed_s > 0 and
		.tasks_exited == 1 and .lost == 0 and
		.platform.kernel != null and .platform.emulated == false' "$json"
	run -134 $stat --json -o "$json" sh -c 'ulimit -c 0; kill -ABRT $$'
	jq -e '.exit_status == null and .exit_signal == 6' "$json"
}

@test "children that came and went unseen are marked as lost" {
	need_jq
	$stat --json -o "$json" sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do ls / >/dev/null; done'
	jq -e '.lost >= 1' "$json"
	run -0 $stat sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do ls / >/dev/null; done'
	[[ $(unfolded) == *"a task may have ended between two looks at /proc; load the module."* ]]
	# The mark stands at the number and before its reason.
	grep -qE '^ *(≥|>=)[0-9,]+ context_switches_voluntary +(≥|>=)[0-9.,]+ /s' <<<"$output"
	grep -qE '^(≥|>=) .*context_switches_voluntary, .*lost: a task' <<<"$(unfolded)"
	$stat --json -o "$json" sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do ls / >/dev/null; done'
	jq -e '.standing.context_switches_voluntary | .standing == "lower-bound" and (.why | length > 10)' "$json"
}

@test "the CPU time of a command is the sum of its user and system time" {
	need_jq
	for command in "sleep 0.1" "sh -c 'ls / >/dev/null; :'" "bash -c 'for ((i = 0; i < 100000; i++)); do :; done'"; do
		eval "$stat --json -o $json $command"
		# Each rusage is cut to a microsecond, twice.
		jq -e '.user_s + .sys_s - .counters.cpu_ns / 1e9 | fabs < 0.00001' "$json"
	done
}

@test "what 100 short children did is counted, and marked where it cannot be seen" {
	need_jq
	$stat --json -o "$json" sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done; done'
	# Each takes some 50 faults, and waits or is waited for once.
	jq -e '.counters | .page_faults_minor > 2500 and .context_switches > 100 and .cpu_ns > 10000000' "$json"
	jq -e '.standing.context_switches.standing == "lower-bound" and .standing.lost.standing == "lower-bound"' "$json"
}

# The parent ignores SIGCHLD, or sets SA_NOCLDWAIT, which /proc does not show, for its
# whole life or for a moment.
@test "children that nobody waits for leave no exact number" {
	need_jq
	command -v python3 >/dev/null || skip "no python3"
	cat >"$BATS_TEST_TMPDIR/discard.py" <<'END'
import ctypes, os, signal, sys, time

class Action(ctypes.Structure):
    _fields_ = [("handler", ctypes.c_void_p), ("mask", ctypes.c_ulong * 16),
                ("flags", ctypes.c_int), ("restorer", ctypes.c_void_p)]

if sys.argv[1] == "ignore":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
else:
    action = Action(flags=2)
    assert not ctypes.CDLL(None).sigaction(17, ctypes.byref(action), None)
if not os.fork():
    memory = bytearray(16 << 20)
    time.sleep(float(sys.argv[2]))
    os._exit(0)
try:
    os.wait()
except ChildProcessError:
    pass
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
END
	for discard in "ignore 0" "nocldwait 0" "ignore 0.5" "nocldwait 0.5"; do
		discard="python3 $BATS_TEST_TMPDIR/discard.py $discard"
		$stat --json -o "$json" $discard
		jq -e '.standing | has("context_switches") and has("page_faults_minor") and
			has("cpu_ns") and has("user_s")' "$json"
		$stat --json -o "$json" sh -c "$discard; :"
		jq -e '.standing | has("context_switches") and has("page_faults_minor") and
			has("cpu_ns") and has("user_s")' "$json"
	done
}

@test "an orphan is counted to its end, as long as the count goes on" {
	need_jq
	# It ends before the command, by a parent that has ended before it.
	$stat --json -o "$json" sh -c '(setsid sh -c "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done; : >'"$BATS_TEST_TMPDIR/done"'" &)
		until [ -e '"$BATS_TEST_TMPDIR/done"' ]; do sleep 0.02; done'
	jq -e '.counters.page_faults_minor > 600' "$json"
	# It outlives the command.
	run -3 $stat -d 60s --json -o "$json" sh -c 'setsid sh -c "sleep 0.3; for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done" & exit 3'
	jq -e '.exit_status == 3 and .counters.page_faults_minor > 500 and .elapsed_s >= 0.3 and
		.elapsed_s < 50 and .tasks_live == 0 and .left_running == []' "$json"
}

@test "what a command leaves running is named, and not ended" {
	local until_sleep
	need_jq
	# The shell's child is called sleep once it has executed it.
	until_sleep='until grep -q sleep /proc/$!/comm; do :; done; echo $!'
	run -0 --separate-stderr $stat sh -c "sleep 981 >/dev/null 2>&1 & $until_sleep"
	sleeper=$output
	[[ $stderr == *"left running: sleep[$sleeper]."* ]]
	kill "$sleeper"
	$stat -d 300ms --json -o "$json" sh -c "sleep 982 >/dev/null 2>&1 & $until_sleep" >"$BATS_TEST_TMPDIR/pid"
	sleeper=$(<"$BATS_TEST_TMPDIR/pid")
	jq -e --argjson pid "$sleeper" '.elapsed_s >= 0.3 and .tasks_live == 1 and
		.left_running == [{pid: $pid, comm: "sleep"}] and
		.standing.user_s.standing == "lower-bound"' "$json"
	kill "$sleeper"
}

@test "children that we had before the command are none of its" {
	need_jq
	run -0 timeout 60 bash -c 'sleep 983 >/dev/null 2>&1 3>&- & echo $! >'"$BATS_TEST_TMPDIR/pid"'; exec osconcepts stat --backend procfs -d 50s --json -o '"$json"' true'
	sleeper=$(<"$BATS_TEST_TMPDIR/pid")
	jq -e '.left_running == [] and .tasks_live == 0 and .elapsed_s < 45' "$json"
	kill "$sleeper"
}

@test "a process is looked at while it runs, as often as is said" {
	need_jq
	mkfifo "$BATS_TEST_TMPDIR/go"
	bash -c 'read <'"$BATS_TEST_TMPDIR/go"'; for i in {1..20}; do /bin/true; done; sleep 984; :' &
	sleeper=$!
	env --default-signal=INT $stat --json -p "$sleeper" >"$json" &
	counter=$!
	eventually has_pidfd "$counter"
	: >"$BATS_TEST_TMPDIR/go"
	eventually pgrep -P "$sleeper" -x sleep
	kill -INT "$counter"
	wait "$counter"
	pkill -P "$sleeper" -x sleep || true
	jq -e '.sample_ms == 100 and .counters.page_faults_minor > 500' "$json"
}

@test "a process has its name, its user and system time, and rows on request" {
	need_jq
	command -v python3 >/dev/null || skip "no python3"
	python3 -c '
import os, threading, time
if not os.fork():
    time.sleep(600)
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
open("'"$BATS_TEST_TMPDIR/ready"'", "w").close()
while True:
    pass' &
	sleeper=$!
	eventually test -e "$BATS_TEST_TMPDIR/ready"
	child=$(pgrep -P "$sleeper")
	$stat -p "$sleeper" --per-process -d 500ms --json >"$json"
	jq -e --argjson pid "$sleeper" --argjson child "$child" '.comm == "python3" and
		(.processes | map(.pid) | sort) == ([$pid, $child] | sort) and
		(.processes | all(.comm == "python3"))' "$json"
	# The times are those of the CPU, to the ticks at both ends.
	jq -e '(.user_s + .sys_s - .counters.cpu_ns / 1e9) as $off | $off > -0.1 and $off < 0.1' "$json"
	# The rows add up to the sums: none of them has ended.
	jq -e '([.processes[].counters.context_switches] | add) >= .counters.context_switches and
		(.processes | map(select(.counters.cpu_ns > 0)) | length) == 1' "$json"
	$stat -p "$sleeper" --per-thread -d 200ms --json >"$json"
	jq -e --argjson pid "$sleeper" '(.threads | length) == 3 and has("processes") == false and
		(.threads | map(select(.pid == $pid)) | length) == 2 and (.threads | all(.tid > 0))' "$json"
	run -0 $stat -p "$sleeper" --per-thread -d 100ms
	kill "$child" "$sleeper"
	[[ $output == *"Counts of process $sleeper (python3), "* && $output == *" seconds user"* ]]
	# A tick is 10 ms: two decimals.
	[[ $(grep -cE "^ *[0-9]+ +python3 +[0-9]+\.[0-9]{2} +[0-9]+\.[0-9]{2} +[0-9.]+ " <<<"$output") == 3 ]]
	grep -qE "^ *$sleeper +python3 " <<<"$output"
	run -2 --separate-stderr $stat -d 100ms -p $$ --per-process --per-thread
	[[ $stderr == *"--per-process and --per-thread: only one can be shown; try --per-thread"* ]]
	run -2 $stat -d 100ms -p $$ --per-thread --per-process
	run -2 $stat --per-thread true
	[[ $output == *"only with --pid"* ]]
}

@test "a row of a task that has ended is a lower bound, of one that lives it is not" {
	need_jq
	command -v python3 >/dev/null || skip "no python3"
	local per list out=$BATS_TEST_TMPDIR/rows
	for per in --per-process --per-thread; do
		list=processes
		[[ $per == --per-process ]] || list=threads
		python3 -c 'import time; end = time.monotonic() + 1.5
while time.monotonic() < end: pass' 3>&- &
		sleeper=$!
		$stat -p "$sleeper" $per -d 200ms --json >"$json"
		jq -e ".$list[0] | .pid == $sleeper and .standing.user_s == null and
			.standing.page_faults_minor == null" "$json"
		$stat -p "$sleeper" $per --json >"$json" 3>&- &
		LC_ALL=C.UTF-8 $stat -p "$sleeper" $per >"$out"
		wait $!
		jq -e ".$list[0] | .pid == $sleeper and ([.standing | .user_s, .sys_s, .cpu_ns,
			.page_faults_minor, .context_switches_voluntary] |
			all(.standing == \"lower-bound\" and (.why | test(\"last look\"))))" "$json"
		grep -qE "^ *$sleeper +python3 +≥[0-9]+\.[0-9]{2} +≥[0-9]+\.[0-9]{2}( +≥[0-9.,]+){4}" "$out"
		grep -q "^≥ in a row: " "$out"
		wait "$sleeper"
		sleeper=
	done
}

@test "a running process is counted until it ends" {
	need_jq
	sleep 976 &
	sleeper=$!
	env --default-signal=INT $stat --json -p "$sleeper" >"$json" &
	counter=$!
	eventually grep -qs 'SigBlk:.*4003$' "/proc/$counter/status"
	# Signals are blocked before the process is watched: wait for its pidfd.
	eventually has_pidfd "$counter"
	kill "$sleeper"
	wait "$counter"
	jq -e '.pid != null and .command == null and .tasks_live == 0' "$json"
}

@test "a running process is counted until Ctrl-C, which is no failure" {
	need_jq
	sleep 977 &
	sleeper=$!
	env --default-signal=INT $stat --json -p "$sleeper" >"$json" &
	counter=$!
	# It has blocked the signal once it waits for it.
	eventually grep -qs 'SigBlk:.*4003$' "/proc/$counter/status"
	kill -INT "$counter"
	wait "$counter"
	jq -e '.tasks_live == 1' "$json"
	kill "$sleeper"
}

@test "a signal to us is the command's, and its counts still come" {
	need_jq
	run -0 bash -c '
		osconcepts stat --backend procfs --json -o '"$json"' sleep 978 &
		until pgrep -P $! -x sleep; do sleep 0.05; done
		kill -TERM $!
		wait $!
		[[ $? == 143 ]]'
	jq -e '.exit_signal == 15' "$json"
	[[ ! -e /proc/$output ]]
}

@test "the whole system is counted for a duration" {
	need_jq
	run -0 $stat -d 100ms
	[[ $output == *"Counts of the whole system"* ]]
	$stat -d 100ms --json >"$json"
	jq -e '.system and .counters.context_switches > 0' "$json"
	# CPU time has the grain of the ticks, and is no more than there is.
	jq -e '.counters.cpu_ns as $cpu | .elapsed_s as $s | .platform.cpus as $n |
		.standing.cpu_ns | .standing == "interval" and .low <= $cpu and .high >= .low and
		.high <= ($n * ($s + 0.05) * 1e9) and (.why | test("ticks"))' "$json"
	if [[ -e /proc/schedstat ]]; then
		jq -e '.counters.run_delay_ns >= 0' "$json"
	else
		jq -e '.standing.run_delay_ns | .standing == "absent" and (.why | test("/proc/schedstat"))' "$json"
	fi
}

@test "a command that outlives the duration is ended" {
	run -143 $stat -d 1s sh -c 'echo $$; exec sleep 979'
	[[ $output =~ ^([0-9]+)$'\n' && ! -e /proc/${BASH_REMATCH[1]} ]]
}

# It has 5 s to end in, and they are not waited for when it has ended.
@test "a count ends when the duration is over and the command has ended" {
	need_jq
	run -143 $stat -d 1s --json -o "$json" sh -c 'sleep 985 >/dev/null 2>&1 3>&- & echo $! >'"$BATS_TEST_TMPDIR/pid"'; wait'
	sleeper=$(<"$BATS_TEST_TMPDIR/pid")
	jq -e --argjson pid "$sleeper" '.elapsed_s >= 1 and .elapsed_s < 5 and
		.exit_signal == 15 and .left_running == [{pid: $pid, comm: "sleep"}]' "$json"
	kill "$sleeper"
}

@test "-I prints a line for each interval, in JSON an object" {
	need_jq
	run -0 $stat -I 50 -d 260ms
	[[ $(grep -cE '^ +0\.[0-9]{3} ' <<<"$output") -ge 3 ]]
	$stat -I 50 -d 260ms --json >"$json"
	jq -es '.[0].schema == "osconcepts-stat-interval/1" and
		.[-1].schema == "osconcepts-stat/1"' "$json"
	# Each on a line of its own, the last one too.
	[[ $(wc -l <"$json") == $(jq -s length "$json") ]]
}

@test "the last line of -I ends with the count, and the lines add up to the total" {
	need_jq
	for options in "-I 100 -d 300ms" "-I 300 -d 500ms" "-I 1s -d 200ms" "-I 100 -d 150ms -p $$" \
		"-I 100 -- sleep 0.25" "-I 1s -- true"; do
		$stat --json -o "$json" $options
		jq -es 'last as $total | .[:-1] as $lines | ($lines | length) > 0 and
			([$lines[].counters.page_faults_minor] | add) == $total.counters.page_faults_minor and
			(([$lines[].interval_s] | add) - $total.elapsed_s | fabs) < 0.09 and
			$total.elapsed_s - $lines[-1].time_s < 0.09 and
			all($lines[]; .schema == "osconcepts-stat-interval/1" and .interval_s > 0)' "$json"
	done
	# A count of whole intervals has no shorter line.
	$stat --json -I 200 -d 400ms >"$json"
	jq -es '.[:-1] | map(.interval_s) | length <= 2 and min > 0.05' "$json"
}

@test "a process that is not there is an error" {
	sleep 0 &
	pid=$!
	wait "$pid"
	run -1 $stat -p "$pid"
	[[ $output == *"cannot watch process $pid: No such process; try"* ]]
}

@test "an output that cannot be written is an error, before the command runs" {
	run -1 $stat -o /nonexistent/file touch "$BATS_TEST_TMPDIR/ran"
	[[ $output == *"cannot write '/nonexistent/file': No such file"* ]]
	[[ ! -e $BATS_TEST_TMPDIR/ran ]]
}

@test "an output file is replaced when there is a result, and stays when there is none" {
	local out=$BATS_TEST_TMPDIR/out
	need_jq
	echo old >"$out"
	run -127 $stat -o "$out" -- /nonexistent
	[[ $(<"$out") == old ]]
	# The command sees the old one, and another name of it keeps it.
	chmod 4640 "$out"
	ln "$out" "$out.link"
	run -0 $stat --json -o "$out" cat "$out"
	[[ $output == old && $(<"$out.link") == old && $(stat -c %a "$out") == 640 ]]
	jq -e .schema "$out"
	# With lines while it runs, it is there at once.
	chmod 4640 "$out"
	run -0 $stat --json -I 50ms -o "$out" sh -c 'stat -c "%s %a" "$1"' sh "$out"
	[[ $output == "0 640" ]]
	jq -e .schema "$out"
	# What is no file is written in place.
	mkfifo "$out.pipe"
	$stat --json -o "$out.pipe" true &
	jq -e .schema <"$out.pipe"
	wait $!
	[[ -p $out.pipe ]]
	run -0 $stat -o /dev/null true
	[[ -c /dev/null ]]
}

@test "an output through another user's link in a shared directory is refused" {
	local dir=$BATS_TEST_TMPDIR/shared
	((!EUID)) || skip "not root"
	mkdir "$dir"
	chmod 1777 "$dir"
	echo old >"$BATS_TEST_TMPDIR/out"
	ln -s ../out "$dir/link"
	chown -h 65534 "$dir/link"
	for interval in "" "-I 50ms"; do
		run -1 $stat $interval -o "$dir/link" touch "$BATS_TEST_TMPDIR/ran"
		[[ $output == *"a symbolic link of another user"* ]]
		[[ ! -e $BATS_TEST_TMPDIR/ran && $(<"$BATS_TEST_TMPDIR/out") == old ]]
	done
}

# As a shell has it: standard output is a file, and the command writes there, too.
@test "an output that is one of our descriptors is not written over" {
	need_jq
	for name in - /dev/stdout /dev/fd/1 /proc/self/fd/1; do
		$stat --json -o "$name" sh -c 'echo the command; ls / >/dev/null; echo itself' >"$json"
		[[ $(head -n 2 "$json") == $'the command\nitself' ]]
		tail -n +3 "$json" | jq -e '.exit_status == 0'
	done
	[[ ! -e - && ! -e ./- ]]
	$stat --json -o /dev/fd/7 echo hello 7>"$json" >"$json.out"
	jq -e '.exit_status == 0' "$json"
	[[ $(<"$json.out") == hello ]]
	$stat --json -o /dev/stderr sh -c 'echo first >&2' 2>"$json"
	[[ $(head -n 1 "$json") == first ]]
	tail -n +2 "$json" | jq -e .schema
	run -1 $stat -o /dev/fd/99 true
	[[ $output == *"cannot write '/dev/fd/99': Bad file descriptor"* ]]
}

@test "an interval takes a unit, and without one it is in milliseconds" {
	for interval in 100ms 0.1s 100; do
		run -0 $stat -I $interval -d 450ms
		n=$(grep -cE '^ +0\.[0-9]{3} ' <<<"$output")
		((n >= 1 && n <= 5))
	done
	# No unit, and no whole number of milliseconds: seconds may be meant.
	for interval in 0.5 1.0 100.5; do
		run -2 --separate-stderr $stat -I $interval true
		[[ $stderr == *"--interval '$interval': has no unit, "*milliseconds*"try 500ms or 0.5s"* ]]
	done
	run -2 --separate-stderr $stat -I 9 true
	[[ $stderr == *"--interval '9ms': must lie between 0.01s and 3600s"* ]]
	run -2 $stat -I 9ms true
	run -2 $stat -I 2h true
	# Elsewhere a number alone is in seconds, and help and errors say which.
	run -2 --separate-stderr $stat -d 100000 true
	[[ $stderr == *"between 0.001s and 86400s; a number alone is in seconds"* ]]
	run -2 --separate-stderr osconcepts watch -i 5000
	[[ $stderr == *"between 0.01s and 3600s; a number alone is in seconds"* ]]
	for command in stat hist; do
		[[ $(osconcepts $command --help | tr -s ' \n' ' ') == *"-I, --interval TIME "*" alone is in milliseconds"* ]]
	done
	for command in stat hist watch; do
		[[ $(osconcepts $command --help | tr -s ' \n' ' ') == *"number alone is in seconds"* ]]
	done
	run -2 --separate-stderr $stat -I soon true
	[[ $stderr == *"--interval 'soon': not a duration; try"* ]]
}

@test "a full disk is an error" {
	run -1 $stat -o /dev/full true
	[[ $output == *"No space left"* ]]
	run -1 bash -c "$stat -d 10ms --json >/dev/full"
	[[ $output == *"No space left"* ]]
	run -1 bash -c "osconcepts watch -n 1 -i 50ms >/dev/full"
	[[ $output == *"No space left"* ]]
}

@test "a reader that has seen enough is no error" {
	run -0 bash -o pipefail -c "osconcepts watch -i 10ms | head -n 1"
}

@test "wrong values are usage errors that name the flag" {
	run -2 $stat -p 0
	[[ $output == *"--pid '0'"* ]]
	run -2 $stat -I 1 true
	run -2 $stat -d soon true
	[[ $output == *"--duration 'soon': not a duration"* ]]
	run -2 osconcepts stat --backend magic true
	[[ $output == *"try auto, module or procfs"* ]]
	run -2 $stat -p 1 true
	run -2 osconcepts watch -n 0
	run -2 osconcepts watch extra
}

@test "options behind the command are the command's" {
	run -0 --separate-stderr $stat echo --json -p
	[[ $output == "--json -p" ]]
}

@test "the module, asked for and not loaded, is exit 77 with what to try" {
	[[ ! -e /proc/osconcepts ]] || skip "the module is loaded"
	run -77 osconcepts stat --backend module true
	[[ $output == *"is not loaded; try: "?* ]]
	run -77 osconcepts watch --backend module
}

@test "watch prints as many reports as were asked for" {
	need_jq
	run -0 osconcepts watch --backend procfs -n 2 -i 50ms
	[[ $(grep -c '^system' <<<"$output") == 2 ]]
	[[ $output != *$'\e'* ]]
	osconcepts watch --backend procfs -n 2 -i 50ms --json >"$json"
	jq -es 'length == 2 and .[0].schema == "osconcepts-watch/1" and
		.[1].rates[0].per_second.context_switches >= 0' "$json"
	# Every rate that is missing has its reason.
	jq -es 'all(.rates[0] | .standing as $why | .per_second | to_entries | all(.value != null or
		($why[{cpu: "cpu_ns", run_delay: "run_delay_ns"}[.key] // .key].why | length > 10)))' "$json"
}

@test "watch says why numbers are not exact, once each, and what they are called" {
	run -0 osconcepts watch --backend procfs -n 3 -i 60ms
	[[ $(grep -c "^- EPCALL, EPWAKE: /proc does not count epoll events; load the module.$" <<<"$output") == 1 ]]
	[[ $(grep -c "^- VOLUNT, INVOL: " <<<"$output") == 1 ]]
	grep -q "^a..b CPUS: " <<<"$output"
	# In an interval that is too short both times are withheld.
	for command in "watch -n 30 -i 10ms" "stat -I 10ms -d 600ms"; do
		run -0 osconcepts $command --backend procfs
		grep -qE "^- CPUS.*: the interval is too short" <<<"$output"
	done
	# Each mark in a report has a reason with the name of its column or line.
	run -0 $stat -p $$ -d 100ms
	while read -r name; do
		grep -qE "^(-|≥|>=|a\.\.b) ([a-z_ ]+, )*${name}[:,]" <<<"$(unfolded)"
	done < <(sed -nE 's/^ *(-|≥[0-9.,]+|>=[0-9.,]+) ([a-z_]+) .*/\2/p' <<<"$output" | grep _)
}

@test "watch ends with the process, and goes on while its children live" {
	local go=$BATS_TEST_TMPDIR/go child
	need_jq
	for json in "" --json; do
		sleep 0.3 3>&- &
		run -0 timeout 20 osconcepts watch --backend procfs -i 100ms $json -p $!
		if [[ $json ]]; then
			jq -es '(map(.ended) | .[-1] and (.[:-1] | any | not)) and
				(.[-1].rates[0].name | endswith(" ended"))' <<<"$output"
		else
			[[ ${lines[-1]} == "Process $! has ended." ]]
		fi
	done
	# Its child outlives it.
	mkfifo "$go" "$go.root"
	sh -c 'sh -c "read x <$1; :" sh "$1" & read x <"$1.root"' sh "$go" 3>&- &
	child=$!
	osconcepts watch --backend procfs -i 100ms -p "$child" >"$BATS_TEST_TMPDIR/out" 3>&- &
	sleeper=$!
	eventually grep -q "^process $child " "$BATS_TEST_TMPDIR/out"
	kill "$child"
	eventually grep -q "^children of $child " "$BATS_TEST_TMPDIR/out"
	echo >"$go"
	wait "$sleeper"
	[[ $(tail -n 1 "$BATS_TEST_TMPDIR/out") == "Process $child has ended, and so have its children." ]]
}

@test "watch redraws in place on a terminal" {
	command -v script >/dev/null || skip "no script(1)"
	run -0 script -qec "osconcepts watch --backend procfs -n 2 -i 50ms" /dev/null
	[[ $output == *$'\e[H'*$'\e[J'* ]]
}

@test "who was stopped for a while makes up for no report, and none is too short" {
	local out=$BATS_TEST_TMPDIR/reports watcher
	need_jq
	sh -c 'while :; do :; done' &
	sleeper=$!
	osconcepts watch --source procfs --json -i 200ms -n 6 -p "$sleeper" >"$out" 3>&- &
	watcher=$!
	eventually test -s "$out"
	kill -STOP "$watcher"
	sleep 1.1
	kill -CONT "$watcher"
	wait "$watcher"
	jq -es '[.[].rates[].interval_s] | length == 6 and min >= 0.1 and max > 1' "$out"
	rm "$out"
	$stat -p "$sleeper" --json -I 200 -d 3s >"$out" 3>&- &
	watcher=$!
	eventually test -s "$out"
	kill -STOP "$watcher"
	sleep 1.1
	kill -CONT "$watcher"
	wait "$watcher"
	# All of the time is in one interval, and in one only. The last has what is left.
	jq -es '[.[] | select(.interval_s)] | (map(.interval_s) | (.[:-1] | min >= 0.1) and max > 1) and
		((map(.interval_s) | add) - .[-1].time_s | fabs < 0.001)' "$out"
}

@test "no more CPU time is shown than one task can have, and none of an interval that is too short" {
	need_jq
	sh -c 'while :; do :; done' &
	sleeper=$!
	osconcepts watch --source procfs --json -i 20ms -n 20 -p "$sleeper" >"$BATS_TEST_TMPDIR/short"
	jq -es '[.[].rates[] | select(.interval_s < 0.05)] | length > 0 and all(.per_second.cpu == null)' \
		"$BATS_TEST_TMPDIR/short"
	$stat -p "$sleeper" -d 5ms --json -o "$json"
	jq -e 'if .elapsed_s < 0.05 then .per_second.cpu == null and .cpu_utilization == null else true end' "$json"
	osconcepts watch --source procfs --json -i 60ms -n 20 -p "$sleeper" >"$BATS_TEST_TMPDIR/long"
	jq -es --argjson cpus "$(nproc --all)" \
		'[.[].rates[].per_second.cpu | values] | length > 0 and all(. <= $cpus)' "$BATS_TEST_TMPDIR/long"
}

@test "no interval has more CPU time than there was, not even the first" {
	need_jq
	local busy=() i
	for ((i = 0; i < $(nproc); i++)); do
		timeout 20 sh -c 'while :; do :; done' 3>&- &
		busy+=($!)
	done
	run -0 --separate-stderr osconcepts stat --backend procfs -I 200ms -d 1s --json
	kill "${busy[@]}"
	jq -es --argjson cpus "$(nproc)" 'map(select(.interval_s)) | length > 2 and
		all((.standing.cpu_ns.high // .counters.cpu_ns // 0) <= .interval_s * 1e9 * $cpus + 1)' <<<"$output"
}
