#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whether a load sends all requests that are due, whatever the server's time-outs do to
# its connections, and how it chooses among the addresses of a name.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"
# shellcheck source=tests/cli/lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"

setup()
{
	servers=()
	engine=epoll
}

teardown()
{
	end_servers
}

# Sets $plain and $secure, of one nginx that closes connections soon.
impatient_server()
{
	local dir=$BATS_TEST_TMPDIR ports
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=tls.test \
		-keyout "$dir/key.pem" -out "$dir/certificate.pem" 2>"$dir/openssl.log" || { cat "$dir/openssl.log"; return 1; }
	read -ra ports < <(/usr/bin/python3 -c 'import socket
print(*(s.getsockname()[1] for s in [socket.create_server(("127.0.0.1", 0)) for _ in "ab"]))')
	plain=http://127.0.0.1:${ports[0]}
	secure=https://127.0.0.1:${ports[1]}
	cat >"$dir/nginx.conf" <<-CONF
		daemon off; master_process off; pid $dir/nginx.pid;
		error_log $dir/nginx.log;
		events { worker_connections 2000; }
		http {
			access_log off; keepalive_timeout 30ms;
			client_body_temp_path $dir/b; proxy_temp_path $dir/p;
			fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
			ssl_certificate $dir/certificate.pem; ssl_certificate_key $dir/key.pem;
			server {
				listen 127.0.0.1:${ports[0]} backlog=1024; listen 127.0.0.1:${ports[1]} ssl backlog=1024;
				location / { return 200 ok; }
			}
		}
	CONF
	nginx -c "$dir/nginx.conf" 3>&- 2>"$dir/nginx.err" &
	servers+=($!)
	eventually test -s "$dir/nginx.pid" || { cat "$dir/nginx.err"; return 1; }
}

# one_of WORD…: by $RANDOM, in $chosen.
one_of()
{
	local words=("$@")
	chosen=${words[RANDOM % $#]}
}

# some_load: the next of a fixed series, in $args, and in $due how many it is to send.
some_load()
{
	local rate ms burst=1 connections
	one_of 7 10 30 50 100
	rate=$chosen
	one_of 100 250 300 500
	ms=$chosen
	one_of 1 2 5 16
	connections=$chosen
	one_of "$plain" "$secure --insecure"
	args="$chosen -r $rate -d ${ms}ms -c $connections"
	one_of "" "-k 1" "-k 1" "-k 3"
	args+=" $chosen"
	one_of "" "" "-p 3"
	args+=" $chosen"
	one_of "" "-t $((connections < 3 ? 1 : 3))"
	args+=" $chosen"
	one_of 1 1 4
	burst=$chosen
	((burst == 1)) || args+=" --arrival burst:$burst"
	# Those whose moment, n / rate, is before the end; a burst has that of its first.
	due=$(((rate * ms + 1000 * burst - 1) / (1000 * burst) * burst))
}

@test "all requests that were due are sent, whatever the rate, connections, -k, time-out and TLS" {
	command -v nginx >/dev/null || skip "no nginx; try scripts/deps"
	local args due
	impatient_server
	for engine in $(engines); do
		RANDOM=21
		for _ in {1..20}; do
			some_load
			# shellcheck disable=SC2086
			load $args
			is '[.unsent, .unanswered, .requests + ([.errors[]] | add // 0)]' "[0,0,$due]" ||
				{ echo "$engine $args"; jq -c '[.requests, .errors, .validity]' "$json"; return 1; }
		done
	done
}

@test "connections with nothing left to send do not keep others from a worker each" {
	start pool -w 2
	for engine in $(engines); do
		load "$url/" -n 200 -c 8 --timeout 60s
		is '[.requests, .errors]' '[200,{}]'
		load "$url/" -n 50 -r 1000 -c 8 --timeout 60s
		is '[.requests, .errors, .unsent]' '[50,{},0]'
		load "$url/" -d 100ms -c 8 -t 2 --timeout 60s
		is '[.errors, .unanswered]' '[{},0]'
	done
	stop
}

# with_hosts ARGUMENTS: a load where "two.test" is ::1 and 127.0.0.1.
with_hosts()
{
	# shellcheck disable=SC2016
	unshare "${private[@]}" sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh \
		"$BATS_TEST_TMPDIR/hosts" "$osconcepts" load "$@"
}

@test "a name with several addresses: the one that answers is used, and shown" {
	local private=(--mount)
	((UID == 0)) || private+=(--map-root-user)
	unshare "${private[@]}" true || skip "no mount namespace"
	printf '::1 two.test\n127.0.0.1 two.test\n' >"$BATS_TEST_TMPDIR/hosts"
	start epoll
	json=$BATS_TEST_TMPDIR/load.json
	for engine in $(engines); do
		with_hosts --engine "$engine" "http://two.test:$port/" -n 300 -c 64 -k 1 -t 2 --json >"$json" || (($? == 4))
		is '[.requests, .errors, .connections_opened]' '[300,{},300]'
		is .addresses '[{"address":"127.0.0.1","connections":300}]'
		valid load "$json"
	done
	run with_hosts "http://two.test:$port/" -n 300
	[[ $output == *"64 connections opened to 127.0.0.1"* ]]
	# --src is of IPv4, and so is what it connects to.
	with_hosts --src 127.0.0.2 "http://two.test:$port/" -n 10 -c 2 --json >"$json" || (($? == 4))
	is '[.requests, .errors]' '[10,{}]'
	stop
	# Of all addresses there is one error.
	run -1 with_hosts "http://two.test:$port/" -n 10
	[[ $output == *"cannot connect to two.test:$port: connect.ECONNREFUSED; "* ]]
}

@test "a signal ends a load that waits for a name server, or for the reader of a pipe" {
	local private=(--mount --net) pid
	((UID == 0)) || private+=(--map-root-user)
	unshare "${private[@]}" ip link set lo up || skip "no network namespace"
	echo "nameserver 127.0.0.1" >"$BATS_TEST_TMPDIR/resolv"
	# In its own network namespace, a name server that does not answer.
	cat >"$BATS_TEST_TMPDIR/silent.py" <<-'EOF'
		import os, pathlib, socket, sys
		parent, s = os.getppid(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("127.0.0.1", 53))
		s.settimeout(0.1)
		pathlib.Path(sys.argv[1], "bound").touch()
		while os.getppid() == parent:
		    try:
		        s.recv(4096)
		        pathlib.Path(sys.argv[1], "asked").touch()
		    except TimeoutError:
		        pass
	EOF
	# shellcheck disable=SC2016
	unshare "${private[@]}" sh -c 'mount --bind "$1/resolv" /etc/resolv.conf && ip link set lo up || exit
		/usr/bin/python3 "$1/silent.py" "$1" &
		until [ -e "$1/bound" ]; do sleep 0.05; done
		exec "$2" load http://slow.test/ -n 1' sh "$BATS_TEST_TMPDIR" "$osconcepts" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	servers+=("$pid")
	eventually test -e "$BATS_TEST_TMPDIR/asked"
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[[ $status == 143 ]] || { echo "$status"; cat "$BATS_TEST_TMPDIR/out"; return 1; }
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	"$osconcepts" load http://127.0.0.1:1/ -n 1 --series "$BATS_TEST_TMPDIR/pipe" 3>&- &
	pid=$!
	servers+=("$pid")
	eventually waits_in "$pid" wait_for_partner
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[[ $status == 143 ]]
}

# waits_in PID CALL: it sleeps in this function of the kernel.
waits_in()
{
	grep -q "$2" "/proc/$1/wchan"
}
