#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Standard input, output and error that are closed or full: no descriptor of
# ours takes their numbers, and output that is lost is a failure.

# run --separate-stderr sets $stderr.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	build=${BUILD:-$top/build}
	PATH=$build:$PATH
	servers=()
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown()
{
	end_servers
}

# redirection STREAMS HOW: sets $redirection, by which a shell closes or fills
# these streams
redirection()
{
	local s
	redirection=
	for s in $1; do
		case $s$2 in
		0*) redirection+=' 0<&-' ;;
		*closed) redirection+=" $s>&-" ;;
		*full) redirection+=" $s>/dev/full" ;;
		esac
	done
}

# all streams, in each of the 7 ways to lose some of them
ways=("0" "1" "2" "0 1" "0 2" "1 2" "0 1 2")

# one_command COMMAND…: what it does without each set of streams follows from
# what it does with all of them.
one_command()
{
	local how streams code=0 expected got
	"$@" </dev/null >all.out 2>all.err || code=$?
	for how in closed full; do
		for streams in "${ways[@]}"; do
			expected=$code
			[[ $streams == *2* && -s all.err && $code == 0 ]] && expected=1
			[[ $streams == *1* && -s all.out ]] && expected=1
			got=0
			redirection "$streams" $how
			eval "(exec \"\$@\" $redirection)" </dev/null >out 2>err || got=$?
			[[ $got == "$expected" ]] || {
				echo "$* with $streams $how: exit $got, not $expected"
				cat err
				return 1
			}
			# What is open gets what belongs there, and a message
			# about a loss.
			if [[ $streams != *1* && -s all.out && ! -s out ]] ||
				[[ $streams != *2* && -s all.err && ! -s err ]] ||
				[[ $streams == 1 && -s all.out && ! -s err ]]; then
				echo "$* with $streams $how: an open stream is empty"
				return 1
			fi
		done
	done
}

@test "a lost output is exit 1 for every command, whichever streams are closed or full" {
	local command
	[[ -w /dev/full ]] || skip "no /dev/full"
	for command in $(osconcepts --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) .*/\1/p'); do
		one_command osconcepts "$command" --help
	done
	one_command osconcepts stat --no-such-option
	one_command osconcepts --help
	one_command osconcepts --version
	one_command osconcepts
	one_command osconceptsd --help
	one_command osconceptsd --version
	one_command osconceptsd --no-such-option
	one_command osconcepts serve --list
	one_command osconcepts serve --list --json
	one_command osconcepts stat -d 20ms
	one_command osconcepts stat -d 20ms --json
	one_command osconcepts stat true
	one_command osconcepts stat --json true
	one_command osconcepts watch -n 1 -i 50ms
	one_command osconcepts watch -n 1 -i 50ms --json
	for command in monitor targets sources hist timings; do
		# With the module, this would wait for notifications.
		[[ $command == monitor && -e /proc/osconcepts ]] && continue
		one_command osconcepts "$command" --json
	done
}

@test "a load, a sweep and a comparison whose output is lost are exit 1" {
	[[ -w /dev/full ]] || skip "no /dev/full"
	start epoll
	# Its validity, on a busy machine, may differ from run to run.
	one_measurement()
	{
		local how code
		for how in closed full; do
			code=0
			redirection 1 $how
			eval "(exec \"\$@\" $redirection)" 2>err || code=$?
			[[ $code == 1 ]] || { echo "$*: exit $code"; cat err; return 1; }
			[[ $(grep -c 'cannot write the output: ' err) == 1 ]] || { cat err; return 1; }
		done
	}
	one_measurement osconcepts load "$url/" -n 10
	one_measurement osconcepts load "$url/" -n 10 --json
	one_measurement osconcepts sweep "$url/" --sweep 2 -r 100 -d 200ms
	one_measurement osconcepts sweep "$url/" --sweep 2 -r 100 -d 200ms --json
	one_measurement osconcepts compare --models epoll --modes keepalive -r 1 -n 20 -c 2
}

# streams_of PID STREAMS: a closed one is taken, and cannot be used
streams_of()
{
	local s
	[[ -e /proc/$1 ]] || return 1
	for s in $2; do
		[[ $(readlink "/proc/$1/fd/$s") == / ]] || {
			echo "$s is $(readlink "/proc/$1/fd/$s")"
			return 1
		}
		# The flags of a path descriptor: neither read nor write.
		grep -qE '^flags:\s+0?1[0-9]0{6}$' "/proc/$1/fdinfo/$s" || {
			cat "/proc/$1/fdinfo/$s"
			return 1
		}
	done
}

@test "no descriptor of a program has the number of a stream that was closed" {
	local streams pid
	start epoll
	for streams in "${ways[@]}"; do
		for command in \
			"osconcepts stat -d 60s" \
			"osconcepts stat sleep 60" \
			"osconcepts watch -i 100ms" \
			"osconcepts watch -i 100ms --json" \
			"osconcepts load $url/ -d 60s -r 20" \
			"osconcepts sweep $url/ --sweep 2 -r 20 -d 60s" \
			"osconcepts compare --models epoll --modes keepalive -c 2 -d 60s" \
			"osconcepts serve --model fork --port 0" \
			"osconcepts serve --model prefork --port 0 --json" \
			"osconceptsd --socket $BATS_TEST_TMPDIR/socket --counters procfs"; do
			# Where a line is lost at once they end, and that is tested above.
			[[ $streams == *1* && $command == *json* ]] && continue
			[[ $streams == *1* && $command == *watch* ]] && continue
			redirection "$streams" closed
			eval "exec $command $redirection" </dev/null >/dev/null 2>err 3>&- &
			pid=$!
			servers+=("$pid")
			# Past the loader, which closes what it opens.
			eventually past_start "$pid"
			streams_of "$pid" "$streams" || { echo "$command, $streams"; cat err; return 1; }
			kill "$pid"
			wait "$pid" 2>/dev/null || true
		done
	done
}

# past_start PID: it runs, and has opened something of its own
past_start()
{
	[[ $(readlink "/proc/$1/exe") == */osconcepts* ]] &&
		readlink "/proc/$1/fd/"* | grep -qE 'signalfd|eventpoll|socket|io_uring'
}

@test "a command that is counted has the streams that were closed closed" {
	run -1 --separate-stderr bash -c 'osconcepts stat -o report sh -c "echo vanished" >&-'
	[[ $stderr == *"echo"* ]]
	[[ $(head -c 400 report) == *"Counts of"* ]]
	run ! grep -q ^vanished report
	run -0 bash -c 'osconcepts stat -o report sh -c "cat; [ \$? != 0 ]" <&-'
	run -1 --separate-stderr bash -c 'osconcepts stat -o /dev/stdout true >&-'
	[[ $stderr == "osconcepts stat: cannot write "*"Bad file descriptor" ]]
}

@test "the reader of a pipe that has seen enough is no failure" {
	for command in "--help" "serve --list" "serve --list --json" "stat -d 20ms" "stat -d 20ms --json" \
		"watch -n 1 -i 50ms" "watch -n 1 -i 50ms --json"; do
		run -0 bash -c "set -o pipefail; (sleep 0.2; exec osconcepts $command) | true"
	done
	run -0 bash -c 'set -o pipefail; (sleep 0.2; exec osconceptsd --help) | true'
}
