#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every signal, to every model's first process and to its workers, against the table
# of osconcepts(1), which is that of the code (tests/unit/test_signals.c).

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"

page=$BATS_TEST_DIRNAME/../../Documentation/man/osconcepts.1
# All that are no real-time signals, and the first and the last of these.
all_signals=$(seq 1 31; echo 34 64)
# signal(7): by default these do nothing, or stop a process until SIGCONT.
harmless="SIGCHLD SIGCONT SIGURG SIGWINCH"
stops="SIGSTOP SIGTSTP SIGTTIN SIGTTOU"

setup()
{
	servers=()
	# No core files.
	ulimit -c 0
	# As from a terminal: bash ignores SIGINT and SIGQUIT for the jobs of a script.
	start_as=(env "--default-signal=HUP,INT,QUIT")
}

teardown()
{
	end_servers
}

# effect COLUMN SIGNAL: what the table says.
effect()
{
	awk -F ' Ta ' -v name=".It Dv $2" -v column="$1" '
		$1 == ".It Signal" { for (i = 2; i <= NF; i++) if ($i == column) at = i }
		$1 == name { print $at; found = 1 }
		END { if (!found) print "default" }' "$page"
}

answers()
{
	[[ $(curl -sS -m "$patience_s" "$url/") == "Hello, world" ]]
}

# to_first NUMBER NAME: in a server of its own, where that ends it.
to_first()
{
	local what
	what=$(effect serve "$2")
	if [[ $what == default ]] && among "$2" "$harmless $stops"; then
		what=ignored
	fi
	case $what in
	ignored)
		kill -"$1" "$first"
		! among "$2" "$stops" || kill -CONT "$first"
		;;
	"ends, 0")
		start "$model"
		kill -"$1" "$server"
		ended 0
		;;
	default)
		start "$model"
		kill -"$1" "$server"
		ended_by "$1"
		;;
	*) false ;;
	esac
}

ended_by()
{
	local status=0
	wait "$server" || status=$?
	((status == 128 + $1)) || { echo "signal $1: exit status $status"; return 1; }
	eventually nothing_left
}

first_does_as_the_table_says()
{
	local number first first_url
	start "$model"
	first=$server first_url=$url
	# What ends a server does so to another one, which has its files.
	BATS_TEST_TMPDIR+=/another
	mkdir "$BATS_TEST_TMPDIR"
	for number in $all_signals; do
		to_first "$number" "SIG$(kill -l "$number")" || { echo "signal $number"; return 1; }
	done
	BATS_TEST_TMPDIR=${BATS_TEST_TMPDIR%/another} server=$first url=$first_url
	messages=$BATS_TEST_TMPDIR/messages
	answers
	stop
}

@test "every signal to a server does what osconcepts(1) says" {
	[[ -z ${SAN-} ]] || skip "a sanitizer handles signals of its own"
	each_at_once first_does_as_the_table_says
}

# A stop may come twice, as from timeout(1), on a busy machine at the very end.
@test "the second signal of a stop does not take away what a server prints last" {
	run -0 /usr/bin/python3 - "$osconcepts" <<-'EOF'
		import fcntl, os, signal, subprocess, sys, time
		def children(pid):
		    with open(f"/proc/{pid}/task/{pid}/children") as f:
		        return f.read().split()
		models = subprocess.run([sys.argv[1], "serve", "--list", "--json"], capture_output=True, text=True)
		for model in __import__("json").loads(models.stdout):
		    # So short a pipe that the last line has to wait for its reader.
		    r, w = os.pipe()
		    fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
		    ready, tell = os.pipe()
		    server = subprocess.Popen(
		        [sys.argv[1], "serve", "--model", model["model"], "--port", "0", "--ready-fd", str(tell)],
		        stderr=w, pass_fds=[tell])
		    os.close(tell)
		    os.read(ready, 16)
		    os.read(r, 4096)
		    os.set_blocking(w, False)
		    try:
		        while True:
		            os.write(w, b"x" * 256)
		    except BlockingIOError:
		        pass
		    os.set_blocking(w, True)
		    os.close(w)
		    server.send_signal(signal.SIGTERM)
		    while children(server.pid):
		        time.sleep(0.01)
		    server.send_signal(signal.SIGTERM)
		    said = b""
		    while piece := os.read(r, 65536):
		        said += piece
		    status = server.wait()
		    if status or b"answered 0 requests" not in said:
		        sys.exit(f"{model['model']}: status {status}, said {said.strip(b'x')}")
	EOF
}

# A child of these is there as long as it has a connection.
needs_holding()
{
	among "$model" fork prefork-fdpass
}

has_a_worker()
{
	[[ $(workers) ]]
}

# worker_of: a worker, with a connection where it needs one.
worker_of()
{
	if needs_holding && ! has_a_worker; then
		hold 1
	fi
	eventually has_a_worker
	worker=$(workers | tail -n 1)
}

dead()
{
	[[ ! -e /proc/$1/stat ]] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

worker_does_as_the_table_says()
{
	local number name what worker deaths=0
	start "$model"
	for number in $all_signals; do
		name=SIG$(kill -l "$number")
		what=$(effect worker "$name")
		worker_of
		kill -"$number" "$worker"
		if [[ $what == retires ]] && ! needs_holding; then
			eventually dead "$worker"
		elif [[ $what == default ]] && among "$name" "$stops"; then
			kill -CONT "$worker"
		elif [[ $what == default ]] && ! among "$name" "$harmless"; then
			eventually dead "$worker"
			deaths=$((deaths + 1))
		else
			! dead "$worker" || needs_holding
		fi
		answers || { echo "$name"; return 1; }
	done
	[[ ! ${holder-} ]] || kill "$holder" || true
	stop
	(($(booked worker_deaths) == deaths)) || { echo "$(booked worker_deaths), not $deaths"; return 1; }
	((deaths > 10))
}

@test "every signal to a worker does what osconcepts(1) says" {
	[[ -z ${SAN-} ]] || skip "a sanitizer handles signals of its own"
	each_at_once worker_does_as_the_table_says
}

stays_with_nohup()
{
	# The first one is for a server as a terminal starts it.
	local ignored
	for ignored in "" HUP INT; do
		# shellcheck disable=SC2016
		start_as=(bash -c 'trap - HUP INT; [[ ! $0 ]] || trap "" "$0"; exec "$@"' "$ignored")
		start_as=(env "--default-signal=HUP,INT" "${start_as[@]}")
		start "$model"
		if [[ $ignored ]]; then
			kill "-$ignored" "$server"
			worker_of
			kill "-$ignored" "$worker"
			answers
			[[ ! ${holder-} ]] || kill "$holder" || true
			holder=
			stop
			(($(booked worker_deaths) == 0))
		else
			kill -HUP "$server"
			ended 0
		fi
	done
}

@test "what nohup or a shell's & ignores stays ignored: servers" {
	each_at_once stays_with_nohup
}

# survives SIGNAL COMMAND…: it is ignored at the start, and SIGTERM ends the command.
survives()
{
	local ignored=$1 pid status=0
	shift
	env --ignore-signal="$ignored" "$osconcepts" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	# Of the end it holds SIGTERM back or handles it, once it waits.
	eventually holds_or_handles "$pid" 15
	kill -"$ignored" "$pid"
	sleep 0.3
	kill -TERM "$pid"
	wait "$pid" || status=$?
	((status == expected)) || { echo "$ignored, $*: $status: $(<"$BATS_TEST_TMPDIR/out")"; return 1; }
}

# holds_or_handles PID SIGNAL: it is in SigBlk or SigCgt.
holds_or_handles()
{
	local bit=$((1 << ($2 - 1))) name mask
	while read -r name mask; do
		if [[ $name == SigBlk: || $name == SigCgt: ]] && ((0x$mask & bit)); then
			return 0
		fi
	done < <(cat "/proc/$1/status" 2>/dev/null)
	return 1
}

@test "what nohup or a shell's & ignores stays ignored: load, sweep, compare, stat, watch" {
	local ignored expected
	start epoll
	for ignored in HUP INT; do
		expected=143 survives "$ignored" load "$url/" -d 600s --no-progress
		expected=143 survives "$ignored" sweep "$url/" --no-progress
		expected=0 survives "$ignored" stat --source procfs -p "$server"
		expected=0 survives "$ignored" watch --source procfs -p "$server"
		expected=1 survives "$ignored" compare --models epoll --modes keepalive -d 600s --source procfs
	done
	stop
}

@test "SIGINT and SIGHUP that are not ignored end a load with 130 and 129" {
	local row status pid
	start epoll
	for row in HUP:129 INT:130 TERM:143; do
		env --default-signal=HUP,INT "$osconcepts" load "$url/" -d 600s --no-progress >/dev/null 2>&1 3>&- &
		pid=$! status=0
		eventually holds_or_handles "$pid" 15
		kill -"${row%:*}" "$pid"
		wait "$pid" || status=$?
		((status == ${row#*:}))
	done
	stop
}
