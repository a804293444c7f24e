#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# scripts/test counts what a group prints, and never takes silence for success.

bats_require_minimum_version 1.5.0

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	group=$BATS_TEST_TMPDIR/group
}

# run_group [LANE…]: the program in $group as the only group, or as one in each
# of these lanes; what the runner prints.
run_group()
{
	chmod +x "$group"
	/usr/bin/python3 - "$top/scripts/test" "$group" "$BATS_TEST_TMPDIR" "${@:-host}" <<'PYTHON'
import importlib.machinery, importlib.util, os, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
loader = importlib.machinery.SourceFileLoader("runner", sys.argv[1])
runner = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
sys.dont_write_bytecode = True
loader.exec_module(runner)
runner.LOGS = sys.argv[3]
lanes = dict(zip(["group", "second", "third"], sys.argv[4:]))
runner.GROUPS = [runner.Group(name, lane, int(os.environ.get("LIMIT_S", "2")), [sys.argv[2], lane], "") for name, lane in lanes.items()]
runner.GRACE_S = 1
sys.argv = ["scripts/test"]
sys.exit(runner.main())
PYTHON
}

# group_is TEXT: a group that runs these lines of shell.
group_is()
{
	printf '#!/bin/sh\n%s\n' "$1" >"$group"
}

last_line()
{
	echo "$output"
	[[ ${lines[-1]} == "$1" ]]
}

@test "results are counted, the last line is the sum" {
	group_is 'echo 1..3; echo "ok 1 - a"; echo "ok 2 - b # SKIP not here"; echo "ok 3 - c"'
	run -0 run_group
	last_line "2 passed, 0 failed, 1 skipped"
	[[ $output == *"b: not here"* ]]
}

@test "subtests count, their suite does not" {
	group_is 'echo 1..1; echo "    # Subtest: s"; echo "    1..2"; echo "    ok 1 - a"; echo "    not ok 2 - b"; echo "not ok 1 - s"; exit 1'
	run -1 run_group
	last_line "1 passed, 1 failed"
	[[ $output == *"failed   group: s: b"* ]]
}

@test "what a failed test said stands behind the table, whether before or after its result" {
	group_is 'echo 1..3; echo "# of a"; echo "ok 1 - a"; echo "# before b"; echo "not ok 2 - b"; echo "# after b"; echo "ok 3 - c"; echo "# of c"'
	run -1 run_group
	last_line "2 passed, 1 failed"
	[[ ${lines[-4]} == "failed   group: b" && ${lines[-3]} == "  | before b" && ${lines[-2]} == "  | after b" ]]
}

@test "a suite that ends before its plan has failed" {
	group_is 'echo 1..1; echo "    1..3"; echo "    ok 1 - a"; echo "ok 1 - s"'
	run -1 run_group
	last_line "1 passed, 1 failed"
	[[ $output == *"planned 3 tests, ran 1"* ]]
}

@test "a group that dies has failed" {
	group_is 'echo "ok 1 - a"; kill -9 $$'
	run -1 run_group
	last_line "1 passed, 1 failed"
	group_is 'echo 1..1; echo "ok 1 - a"; exit 3'
	run -1 run_group
	last_line "1 passed, 1 failed"
	[[ $output == *"ended with status 3"* ]]
}

@test "a group that cannot be run has failed" {
	printf '#!/nonexistent\n' >"$group"
	run -1 run_group
	last_line "0 passed, 1 failed"
}

@test "a group that hangs is ended by its timeout, with what it started" {
	group_is 'echo "ok 1 - a"; timeout 1000 sleep 1000 & echo $! >"$(dirname "$0")/pid"; wait'
	run -1 run_group
	last_line "1 passed, 1 failed"
	[[ $output == *"ended by the timeout of 2 s"* ]]
	# A zombie is init's to bury.
	[[ $(ps -o stat= -p "$(cat "$BATS_TEST_TMPDIR/pid")") != [!Z]* ]]
}

@test "a group that leaves a process running has failed" {
	group_is 'sleep 1000 >/dev/null 2>&1 & echo 1..1; echo "ok 1 - a"'
	run -1 run_group
	last_line "1 passed, 1 failed"
	[[ $output == *"left 1 processes running"* ]]
}

@test "nothing tested is no success" {
	group_is 'echo "1..0 # SKIP no QEMU"'
	run -1 run_group
	last_line "0 passed, 0 failed, 1 skipped"
	[[ $output == *"no QEMU"* ]]
}

@test "no two guests run at a time, unless there is nothing else to run" {
	# The host's ends when both of the others have ended.
	group_is 'd=$(dirname "$0")
		case $1 in
		host) until [ "$(ls "$d" | grep -c ^ended)" = 2 ]; do sleep 0.1; done ;;
		guest) mkdir "$d/alone" && sleep 0.3 && rmdir "$d/alone" && mktemp "$d/ended.XXX" >&2 || exit 1 ;;
		esac
		echo 1..1; echo "ok 1 - a"'
	export LIMIT_S=60
	run -0 run_group guest guest host
	last_line "3 passed, 0 failed"
	# Each waits for the other.
	group_is 'd=$(dirname "$0"); mkdir "$d/met" || touch "$d/met/both"
		until [ -e "$d/met/both" ]; do sleep 0.1; done
		echo 1..1; echo "ok 1 - a"'
	run -0 run_group guest guest
	last_line "2 passed, 0 failed"
}
