#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts load against servers that are odd, or hostile: what RFC 9112 allows
# is accepted, and whatever a server sends, a load ends when it should. No test
# judges a time: a load that does not end by itself is ended after a minute.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"
# shellcheck source=tests/cli/lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"

# A certificate that signed itself.
setup_file()
{
	cd "$BATS_FILE_TMPDIR" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=tls.test \
		-keyout key.pem -out certificate.pem 2>openssl.log || { cat openssl.log; return 1; }
}

setup()
{
	servers=()
	engine=epoll
	pair=("$BATS_FILE_TMPDIR/certificate.pem" "$BATS_FILE_TMPDIR/key.pem")
}

teardown()
{
	end_servers
}

@test "a thread that cannot be started is told with what would help" {
	local as=(setpriv --reuid 54322 --clear-groups prlimit --nproc=1)
	[[ $(id -u) == 0 ]] || skip "needs root, to become somebody else"
	"${as[@]}" "$osconcepts" --version >/dev/null || skip "not for others to run"
	run -1 "${as[@]}" "$osconcepts" load -n 4 -c 2 --threads 1 http://127.0.0.1:9/
	[[ $output == *"cannot start a thread: Resource temporarily unavailable; see the limits of 'ulimit -a'" ]]
	run -1 "${as[@]}" "$osconcepts" load -n 4 -c 2 --threads 2 http://127.0.0.1:9/
	[[ $output == *"Resource temporarily unavailable; try fewer --threads" ]]
}

@test "responses that RFC 9112 allows are accepted, however odd" {
	for engine in $(engines); do
		faulty_server odd
		load "$url/" -n 100 -c 1
		is '[.requests, .errors, .connections_opened]' '[100,{},1]'
	done
}

@test "a TLS stream that ends without close_notify cuts a body without length" {
	for engine in $(engines); do
		faulty_server cut-off "${pair[@]}"
		load "https://127.0.0.1:$port/" -n 5 -c 1 --insecure
		is '[.requests, .errors]' '[0,{"parse.no-close-notify":5}]'
		is '.error_details[0].hint | contains("close_notify")' true
		faulty_server in-order "${pair[@]}"
		load "https://127.0.0.1:$port/" -n 5 -c 1 --insecure
		is '[.requests, .errors]' '[5,{}]'
	done
}

# answered_after_closes ARGUMENTS: each request is answered, and needs a connection.
answered_after_closes()
{
	for engine in $(engines); do
		for args in "-c 1" "-c 4 --method POST --body x" "-c 2 -r 1000"; do
			# shellcheck disable=SC2086
			load "$@" $args -n 60
			is '[.requests, .errors, .unsent, .unanswered, .connections_opened]' '[60,{},0,0,60]' ||
				{ echo "$engine $*" "$args"; return 1; }
		done
	done
	valid load "$json"
}

@test "a request that comes too late for a connection is sent on another, by both engines" {
	local args
	faulty_server leave
	answered_after_closes "$url/"
	faulty_server tls-leave "${pair[@]}"
	answered_after_closes "https://127.0.0.1:$port/" --insecure
}

@test "requests behind a response that says close are sent again, by both engines" {
	for engine in $(engines); do
		faulty_server last
		load "$url/" -n 60 -c 2 -p 3
		is '[.requests, .errors, .unsent, .connections_opened, .resent > 50]' '[60,{},0,60,true]'
		# So are those of several URLs, in their turn, and with the last of a connection.
		load "$url/a" "$url/b" --weights 2,1 -n 60 -c 1 -p 4 -k 3
		is '[.requests, .errors, .unsent, [.urls[].requests]]' '[60,{},0,[40,20]]'
		faulty_server tls-last "${pair[@]}"
		load "https://127.0.0.1:$port/" -n 60 -c 2 -p 3 --insecure
		is '[.requests, .errors, .unsent, .connections_opened]' '[60,{},0,60]'
	done
}

@test "a server that closes each connection at once ends no load late: its requests fail" {
	for engine in $(engines); do
		faulty_server hang-up
		load "$url/" -n 20 -c 2 || [[ $(<"$BATS_TEST_TMPDIR/load.err") == *read.closed* ]]
		is '[.requests, ([.errors[]] | add)]' '[0,20]'
	done
}

@test "a request that was received and not answered is a failure, with both engines" {
	for engine in $(engines); do
		faulty_server drop
		load "$url/" -n 60 -c 1
		is '[.requests, .errors, .resent]' '[30,{"read.closed":30},0]'
		faulty_server tls-drop "${pair[@]}"
		load "https://127.0.0.1:$port/" -n 60 -c 1 --insecure
		is '[.requests, .errors, .resent]' '[30,{"read.closed":30},0]'
	done
}

@test "a TLS connection that the client closes ends with close_notify" {
	local args
	for engine in $(engines); do
		faulty_server notice "${pair[@]}"
		for args in "-n 20 -c 4" "-n 50 -c 2 -r 500" "--idle 4 -d 100ms" "--idle 2 -d 200ms -r 50" "-n 1 -c 1"; do
			# shellcheck disable=SC2086
			load "https://127.0.0.1:$port/" --insecure $args
			is .errors '{}' || { echo "$engine before $args"; return 1; }
		done
	done
}

# ends_itself URL ARGUMENTS: a load of 1 s ends by itself, and its memory does not grow
# with what the server sends. It runs with nice, so that the server is faster.
ends_itself()
{
	run nice -n 19 timeout -s KILL 60 /usr/bin/python3 - "$osconcepts" load --engine "$engine" "$@" -d 1s --timeout 1s --json <<-'EOF'
		import resource, subprocess, sys
		code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, check=False).returncode
		most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
		sys.exit(code if most < 500 << 10 else f"{most} KiB of memory")
	EOF
	((status == 4)) || { echo "$engine $how: $status"; echo "$output"; return 1; }
	json=$BATS_TEST_TMPDIR/load.json
	echo "$output" >"$json"
}

@test "a load ends in time, whatever the server sends without end" {
	local how
	for engine in $(engines); do
		for how in flood fields line interim blank chatter extend drip; do
			faulty_server "$how"
			ends_itself "$url/" -c 1
			is '.errors | length > 0' true
			faulty_server "tls-$how" "${pair[@]}"
			ends_itself "https://127.0.0.1:$port/" -c 1 --insecure
			is '.errors | length > 0' true
			end_servers
		done
		# TLS that makes the client reply, and does not read.
		faulty_server rekey "${pair[@]}"
		ends_itself "https://127.0.0.1:$port/" -c 1 --insecure
		is '.errors | length > 0' true
		end_servers
	done
}

@test "a signal ends a load that a server floods" {
	local pid
	for engine in $(engines); do
		faulty_server flood
		rm -f "$BATS_TEST_TMPDIR/series"
		nice -n 19 timeout -s KILL 100 "$osconcepts" load --engine "$engine" "$url/" -d 600s --timeout 600s -c 1 --json \
			--series "$BATS_TEST_TMPDIR/series" --interval 100ms >"$BATS_TEST_TMPDIR/part.json" 3>&- &
		pid=$!
		# By then it is in the chunks of one byte.
		eventually has_received 600000000
		kill -TERM "$(pgrep -P "$pid")"
		status=0
		wait "$pid" || status=$?
		[[ $status == 143 ]]
		json=$BATS_TEST_TMPDIR/part.json
		is .partial true
		end_servers
	done
}

# has_received BYTES: the series shows that many.
has_received()
{
	(($(jq -s 'map(.bytes) | add // 0' "$BATS_TEST_TMPDIR/series") >= $1))
}
