#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconceptsd as a client meets it, and as an unfriendly one does.

# run --separate-stderr sets $stderr.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/wait.bash
source "$BATS_TEST_DIRNAME/lib/wait.bash"

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	build=${BUILD:-$top/build}
	# A name longer than a socket may have is easily had below.
	dir=$(mktemp -d /tmp/osc-bats.XXXXXX)
	sock=$dir/s
	daemons=()
}

teardown()
{
	local pid
	for pid in "${daemons[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	rm -rf "$dir"
}

# start_daemon [OPTION…]: sets $daemon
start_daemon()
{
	"$build/osconceptsd" --socket "$sock" "$@" 2>"$dir/log" 3>&- &
	daemon=$!
	daemons+=("$daemon")
	eventually test -S "$sock"
}

# start_daemon_with DESCRIPTORS [OPTION…]: under this limit
start_daemon_with()
{
	(
		ulimit -n "$1"
		shift
		exec "$build/osconceptsd" --socket "$sock" "$@" 2>"$dir/log" 3>&-
	) &
	daemon=$!
	daemons+=("$daemon")
	eventually test -S "$sock"
}

client()
{
	/usr/bin/python3 "$top/tests/cli/lib/control_client.py" "$sock" "$@"
}

ask()
{
	client ask "$@"
}

# ends PID: it is gone, or a zombie of ours
ends()
{
	[[ ! -e /proc/$1 || $(sed 's/.*) //' "/proc/$1/stat") == Z* ]]
}

# refuses TEXT REQUEST: the answer is an error that holds TEXT
refuses()
{
	run ask "$2"
	echo "$output"
	[[ $(jq -r .ok <<<"$output") == false && $(jq -r .error.text <<<"$output") == *"$1"* ]]
}

@test "hello says who answers" {
	start_daemon
	run -0 ask '{"op": "hello", "id": {"any": "value"}}'
	[[ $(jq -r '.ok, .schema, .id.any' <<<"$output" | xargs) == "true osconcepts-control/1 value" ]]
	[[ $(jq .pid <<<"$output") == "$daemon" ]]
	[[ $(stat -c %a "$sock") == 600 ]]
}

@test "what is no request is answered, and the connection goes on" {
	start_daemon
	run -0 ask 'hello' '[1]' '{"op": 1}' '{"op": "fly"}' '{"op": "start"}' \
		'{"op": "start", "model": "epoll", "colour": 1}' '{"op":"a","op":"b"}' \
		'{"op": "sample", "server": 99}' '{"op": "cancel"}' '{"op": "hello"}'
	[[ ${#lines[@]} -eq 10 ]]
	[[ $(jq -s 'map(.ok) | index(true)' <<<"$output") == 9 ]]
	[[ $(jq -sr '.[3].error.text' <<<"$output") == *"'fly' is not an op; try hello, "* ]]
	[[ $(jq -s '.[3].error.exit_code' <<<"$output") == 2 ]]
	# One that was misspelt is not passed over.
	[[ $(jq -sr '.[5].error.text' <<<"$output") == *colour* ]]
}

@test "a request that is refused is told why, in words of ours" {
	start_daemon
	refuses "it is not JSON; try" 'hello'
	local line
	for line in '[1]' null true 1 '"a"'; do
		refuses "it is not an object; try" "$line"
	done
	refuses "it has a NUL character in a text; try" '{"op":"\u0000"}'
	refuses "it has a NUL character in a text; try" '{"\u0000":"list"}'
	for line in localhost '' 127.0.0.1:80 '[::1]' '::1%lo'; do
		refuses "address must be numeric" '{"op": "start", "model": "epoll", "address": "'"$line"'"}'
	done
	refuses "a key twice; try" '{"op":"a","op":"b"}'
	refuses "in the middle" '{"op":"a"'
	refuses "needs a member 'model'; see" '{"op": "start"}'
	refuses "no member 'colour'; try" '{"op": "start", "model": "epoll", "colour": 1}'
	refuses "no member 'x'; try" '{"op": "list", "x": 1}'
	refuses "no member 'x'; try" '{"op": "shutdown", "x": 1}'
	refuses "'port' must be an integer, not a text; see" '{"op": "start", "model": "epoll", "port": "80"}'
	refuses "'model' must be a text, not null" '{"op": "run", "model": null}'
	refuses "'interval_s' must be a number, not true" '{"op": "run", "model": "fork", "interval_s": true}'
	refuses "no server 4294967297" '{"op": "sample", "server": 4294967297}'
	run -0 ask '{"op": "calibrate", "source": "procfs"}'
	[[ $(jq -c .calibration <<<"$output") == "[]" ]]
}

@test "runs of impossible size are refused" {
	start_daemon
	refuses "mode" '{"op": "run", "model": "fork", "mode": "sideways", "requests": 1}'
	refuses "connections" '{"op": "run", "model": "fork", "connections": 0, "requests": 1}'
	refuses "either requests or duration" '{"op": "run", "model": "fork"}'
	refuses "either requests or duration" '{"op": "run", "model": "fork", "requests": 1, "duration_s": 1}'
	refuses "at most a day" '{"op": "run", "model": "fork", "duration_s": 1e9}'
	refuses "interval_s" '{"op": "run", "model": "fork", "requests": 1, "interval_s": 1e-9}'
	refuses "path" '{"op": "run", "model": "fork", "requests": 1, "path": "/ HTTP/1.1"}'
	refuses "path" '{"op": "run", "model": "fork", "requests": 1, "path": "x"}'
	refuses "path holds a blank or a byte beyond ASCII; try %20" '{"op": "run", "model": "fork", "requests": 1, "path": "/caf\u00e9"}'
	refuses "CPU" '{"op": "run", "model": "fork", "requests": 1, "server_cpus": "1000"}'
}

@test "a request without an end is cut off, others are served" {
	start_daemon
	run -0 client long 1000000
	[[ ${lines[0]} == *"longer than 64 KiB"* && ${lines[-1]} == closed ]]
	run -0 ask '{"op": "hello"}'
	[[ $(jq .ok <<<"$output") == true ]]
}

# memory_kib PID: the most that it ever had
memory_kib()
{
	sed -n 's/^VmHWM:\s*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

@test "clients that ask on and do not read cost no more than their backlog" {
	local before i
	! nm "$build/osconceptsd" 2>/dev/null | grep -q -e __asan_init -e __tsan_init ||
		skip "a sanitizer keeps what was freed"
	start_daemon --counters procfs
	for i in {1..8}; do
		run -0 ask '{"op": "start", "model": "epoll", "workers": 1}'
		[[ $(jq .ok <<<"$output") == true ]]
	done
	before=$(memory_kib "$daemon")
	mkfifo "$dir/go"
	client flood 8 <"$dir/go" >"$dir/flood" 3>&- &
	exec 8>"$dir/go"
	eventually grep -q blocked "$dir/flood"
	run -0 ask '{"op": "hello"}'
	[[ $(jq .ok <<<"$output") == true ]]
	# 1 MiB each, one answer more, and what a growing buffer has in reserve.
	echo "$before KiB before, $(memory_kib "$daemon") KiB after"
	(($(memory_kib "$daemon") - before < 8 * 4 * 1024))
	exec 8>&-
	wait $!
}

@test "one that reads again gets every answer, in order" {
	start_daemon
	run -0 /usr/bin/python3 - "$sock" <<-'EOF'
		import json, socket, sys, time
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(60)
		s.connect(sys.argv[1])
		pad = "x" * 2000
		# Ten times the backlog; the half that is sent is shut down at the end.
		import threading
		def send():
		    for i in range(5000):
		        s.sendall(json.dumps({"op": "list", "id": [i, pad]}).encode() + b"\n")
		    s.shutdown(socket.SHUT_WR)
		sender = threading.Thread(target=send)
		sender.start()
		time.sleep(1)
		seen = [json.loads(line)["id"][0] for line in s.makefile()]
		sender.join()
		print(seen == list(range(5000)))
	EOF
	[[ $output == True ]]
}

# cpu_ticks PID: hundredths of a second of a CPU so far
cpu_ticks()
{
	local stat
	stat=$(sed 's/.*) //' "/proc/$1/stat")
	# shellcheck disable=SC2086
	set -- $stat
	echo $((${12} + ${13}))
}

# clients_wait LIMIT: under it the daemon leaves clients in the queue, and says so once.
clients_wait()
{
	local before took
	start_daemon_with "$1"
	mkfifo "$dir/go"
	client wait 22 <"$dir/go" >"$dir/wait" 3>&- &
	exec 8>"$dir/go"
	eventually grep -q 'cannot take a client: Too many open files; .*ulimit' "$dir/log"
	before=$(cpu_ticks "$daemon")
	sleep 2
	took=$(($(cpu_ticks "$daemon") - before))
	echo "$took hundredths of a second of 200"
	((took < 50))
	[[ $(grep -c 'cannot take a client' "$dir/log") == 1 ]]
	exec 8>&-
	wait $!
	run -0 ask '{"op": "hello"}'
	[[ $(jq .ok <<<"$output") == true ]]
	kill -TERM "$daemon"
	eventually ends "$daemon"
	rm -f "$dir/go"
}

# A client takes two descriptors: of two limits one leaves a single one over.
@test "without descriptors clients wait, at no cost, and are served when there are some" {
	clients_wait 23
	clients_wait 24
}

@test "a run whose idle connections meet the limit of descriptors has all but these" {
	local fd fds=()
	# Inherited: fewer are left than the limit lets the daemon think.
	for fd in {1..290}; do
		exec {fd}</dev/null
		fds+=("$fd")
	done
	start_daemon_with 328 --counters procfs
	for fd in "${fds[@]}"; do
		exec {fd}<&-
	done
	run -0 ask '{"op": "run", "model": "epoll", "connections": 16, "requests": 200}' '{"op": "hello"}'
	[[ $(jq .ok <<<"${lines[0]}") == true ]]
	jq -c .result.held <<<"${lines[0]}"
	[[ $(jq -r .result.held.absent.pss <<<"${lines[0]}") == "connection "*"Too many open files"* ]]
	[[ $(jq -c .result.held.points <<<"${lines[0]}") == "[]" ]]
	# The idle ones were closed: what is open is what was before.
	[[ $(find "/proc/$daemon/fd" -lname 'socket:*' | wc -l) -le 2 ]]
}

# The connections that a run holds are many: opened or closed at one go they took
# up to 24 s of a busy machine, a third of the phase at least.
@test "while a run opens and closes its idle connections, others are served" {
	start_daemon --counters procfs
	run -0 /usr/bin/python3 - "$sock" <<-'EOF'
		import json, socket, sys, threading, time
		def connect():
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    return s, s.makefile()
		def ask(s, lines, request):
		    s.sendall(json.dumps(request).encode() + b"\n")
		    return json.loads(lines.readline())
		begun, worst, done = {}, [0], threading.Event()
		def others():
		    s, lines = connect()
		    while not done.is_set():
		        at = time.monotonic()
		        ask(s, lines, {"op": "hello"})
		        if "hold" in begun:
		            worst.append(time.monotonic() - at)
		        time.sleep(.01)
		thread = threading.Thread(target=others)
		thread.start()
		s, lines = connect()
		seen = ask(s, lines, {"op": "run", "model": "epoll", "workers": 1,
		                      "connections": 800, "requests": 2000})
		while "ok" not in seen:
		    if seen["event"] == "phase":
		        begun[seen["phase"]] = time.monotonic()
		    seen = json.loads(lines.readline())
		done.set()
		thread.join()
		took = begun["stop"] - begun["hold"]
		print(seen["ok"], max(worst) < took / 8, max(worst), took)
	EOF
	echo "$output"
	[[ $output == "True True "* ]]
}

@test "a server on an IPv6 address has a URL that can be loaded, and a run there holds connections" {
	local url
	"$build/osconcepts" serve --model fork --address ::1 --port 0 --json >"$dir/v6" 3>&- &
	daemons+=($!)
	eventually test -s "$dir/v6" || skip "no IPv6 here"
	start_daemon --counters procfs
	run -0 ask '{"op": "start", "model": "epoll", "address": "::1"}'
	url=$(jq -r .url <<<"$output")
	[[ $url == "http://[::1]:"* ]]
	"$build/osconcepts" load "$url/" -n 20 --json >"$dir/load" || (($? == 4))
	[[ $(jq '.requests' "$dir/load") == 20 ]]
}

@test "a client that never reads is thrown out, others are served meanwhile" {
	start_daemon
	client deaf '{"op": "list", "id": "'"$(printf 'x%.0s' {1..1000})"'"}' >"$dir/deaf" 3>&- &
	deaf=$!
	run -0 ask '{"op": "hello"}'
	[[ $(jq .ok <<<"$output") == true ]]
	wait "$deaf"
	[[ $(<"$dir/deaf") == "thrown out" ]]
	run -0 ask '{"op": "hello"}'
	[[ $(jq .ok <<<"$output") == true ]]
}

@test "one client too many is told so, and room comes back" {
	start_daemon
	run -0 client crowd 32
	[[ $output == *"too many clients"* ]]
	welcome() { [[ $(ask '{"op": "hello"}' | jq .ok) == true ]]; }
	eventually welcome
}

@test "a server is started, listed, sampled and stopped" {
	start_daemon
	run -0 ask '{"op": "start", "model": "epoll", "workers": 1}'
	server=$(jq .server <<<"$output") url=$(jq -r .url <<<"$output") pid=$(jq .pid <<<"$output")
	[[ $(jq -r .state <<<"$output") == ready ]]
	run -0 curl -sS -o /dev/null -w '%{http_code}' "$url/"
	[[ $output == 200 ]]
	run -0 ask '{"op": "list"}' '{"op": "sample", "server": '"$server"'}'
	[[ $(jq -s '.[0].servers | length' <<<"$output") == 1 ]]
	[[ $(jq -s '.[1].account.requests, .[1].account.accepts' <<<"$output" | xargs) == "1 1" ]]
	[[ $(jq -s '.[1].kernel.context_switches_voluntary > 0' <<<"$output") == true ]]
	run -0 ask '{"op": "stop", "server": '"$server"'}' '{"op": "list"}' '{"op": "stop", "server": '"$server"'}'
	[[ $(jq -s '.[0].ok, (.[1].servers | length), .[2].ok' <<<"$output" | xargs) == "true 0 false" ]]
	[[ ! -e /proc/$pid ]]
}

@test "a server is followed: samples over time and their correlation" {
	start_daemon
	run -0 ask '{"op": "start", "model": "fork"}'
	url=$(jq -r .url <<<"$output")
	client events '{"op": "follow", "id": 5, "server": 1, "interval_s": 0.2, "count": 12}' >"$dir/seen" 3>&- &
	follower=$!
	eventually grep -q sample "$dir/seen"
	# Unevenly, for as long as it lasts.
	for ((n = 1; ; n = n % 4 + 1)); do
		for ((i = 0; i < n; i++)); do curl -sS -o /dev/null "$url/"; done
		ends "$follower" && break
		sleep 0.1
	done
	wait "$follower"
	[[ $(jq -s 'map(select(.event == "sample" and .id == 5)) | length' "$dir/seen") == 13 ]]
	run -0 tail -n 1 "$dir/seen"
	[[ $(jq '.ok, .samples, .correlation.n' <<<"$output" | xargs) == "true 13 12" ]]
	[[ $(jq '.correlation.context_switches_voluntary | type' <<<"$output") == '"number"' ]]
	# Its time is the server's, and a second one would not be heard.
	client events '{"op": "follow", "server": 1, "interval_s": 60, "count": 9}' >"$dir/seen" 3>&- &
	follower=$!
	eventually grep -q sample "$dir/seen"
	refuses "followed already" '{"op": "follow", "server": 1}'
	run -0 ask '{"op": "stop", "server": 1}'
	wait "$follower"
	[[ $(tail -n 1 "$dir/seen" | jq .samples) == 1 ]]
	refuses "no server" '{"op": "follow", "server": 1}'
	refuses "count" '{"op": "follow", "server": 1, "count": 0}'
}

@test "a server that cannot start says why" {
	start_daemon
	run -0 ask '{"op": "start", "model": "epoll"}'
	port=$(jq .port <<<"$output")
	refuses "ended with exit code" '{"op": "start", "model": "fork", "port": '"$port"'}'
	grep -q "in use" "$dir/log"
	refuses "no model 'nonsense'" '{"op": "start", "model": "nonsense"}'
	[[ $(jq .error.exit_code <<<"$output") == 2 ]]
	refuses "no model 'nonsense'" '{"op": "run", "model": "nonsense", "requests": 1}'
	[[ $(jq .error.exit_code <<<"$output") == 2 ]]
}

@test "a server that dies is missed and forgotten" {
	start_daemon
	run -0 ask '{"op": "start", "model": "thread"}'
	kill -KILL "$(jq .pid <<<"$output")"
	eventually grep -q "killed by signal 9" "$dir/log"
	run -0 ask '{"op": "list"}'
	[[ $(jq '.servers | length' <<<"$output") == 0 ]]
}

@test "SIGTERM ends the daemon and all it started" {
	start_daemon
	run -0 ask '{"op": "start", "model": "fork"}' '{"op": "start", "model": "epoll"}'
	pids=$(jq .pid <<<"$output")
	# Where the daemon keeps the servers' books.
	books=$(xargs -0 -n 1 <"/proc/${pids%%$'\n'*}/cmdline" | grep -x -A 1 -e --account | tail -n 1)
	[[ $books == /tmp/osconceptsd.*/* ]]
	kill -TERM "$daemon"
	wait "$daemon"
	[[ ! -e $sock && ! -e $sock.lock ]]
	# In order: there is nothing to complain of.
	[[ $(wc -l <"$dir/log") == 1 ]]
	for pid in $pids; do
		[[ ! -e /proc/$pid ]]
	done
	[[ ! -e ${books%/*} ]]
}

@test "shutdown ends it as a signal does" {
	start_daemon
	run -0 ask '{"op": "start", "model": "thread"}' '{"op": "shutdown"}'
	wait "$daemon"
	[[ ! -e $sock ]]
}

@test "a daemon that was killed leaves no server, and its socket is replaced" {
	start_daemon
	run -0 ask '{"op": "start", "model": "epoll"}'
	pid=$(jq .pid <<<"$output") url=$(jq -r .url <<<"$output")
	kill -KILL "$daemon"
	wait "$daemon" || true
	[[ -S $sock ]]
	eventually ends "$pid"
	refused() { ! curl -sS -o /dev/null "$url" 2>/dev/null; }
	eventually refused
	start_daemon
	answered() { ask '{"op": "hello"}' 2>/dev/null | grep -q true; }
	eventually answered
}

@test "the socket of a living daemon is not taken" {
	start_daemon
	run -1 --separate-stderr "$build/osconceptsd" --socket "$sock"
	[[ $stderr == *"another osconceptsd does"* ]]
	run -0 ask '{"op": "hello"}'
	[[ $(jq .pid <<<"$output") == "$daemon" ]]
}

@test "what is no socket is not removed" {
	echo precious >"$sock"
	run -1 --separate-stderr "$build/osconceptsd" --socket "$sock"
	[[ $stderr == *"not a socket"* && $(<"$sock") == precious && ! -e $sock.lock ]]
	run -1 --separate-stderr "$build/osconceptsd" --socket /no/such/place/s
	[[ $stderr == *"/no/such/place"* ]]
	run -2 --separate-stderr "$build/osconceptsd" --socket "/tmp/$(printf 'x%.0s' {1..107})"
	[[ $stderr == *"longer"* ]]
}

@test "strangers are refused, the group is not" {
	[[ $(id -u) == 0 ]] || skip "needs root, to become somebody else"
	chmod 755 "$dir"
	start_daemon --group nogroup
	[[ $(stat -c '%a %G' "$sock") == "660 nogroup" ]]
	as() { setpriv --reuid 12345 --regid "$1" --clear-groups /usr/bin/python3 "$top/tests/cli/lib/control_client.py" "$sock" ask '{"op": "hello"}'; }
	run as nogroup
	[[ $status -eq 0 && $(jq .ok <<<"$output") == true ]] || echo "$output"
	# The socket's mode stops others; if it did not, the check would.
	chmod 666 "$sock"
	run as 54321
	echo "$output"
	[[ $output == *"neither its user"* ]]
}

@test "wrong usage ends with 2" {
	run -2 "$build/osconceptsd" --colour
	run -2 "$build/osconceptsd" something
	run -2 "$build/osconceptsd" --backend magic
	run -2 "$build/osconceptsd" --group no-such-group-here
	run -2 "$build/osconceptsd" --client-fd x
	run -0 "$build/osconceptsd" --help
	run -0 "$build/osconceptsd" --version
	[[ -w /dev/full ]] || skip "no /dev/full"
	run -1 bash -c '"$0" --help >/dev/full' "$build/osconceptsd"
	[[ $output == *"No space left"* ]]
}
