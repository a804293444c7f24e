#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts serve: its flags, and HTTP as every model must speak it, to the
# tools of the trade and to clients made of bytes.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"

setup()
{
	servers=()
}

teardown()
{
	end_servers
}

@test "--help names every option and model" {
	run -0 "$osconcepts" serve --help
	for word in --model --port --address --workers --max-connections --backlog --cpus \
		--header-timeout --idle-timeout --write-timeout --grace --max-header --max-body \
		--account --ready-fd --fallback --list --json --quiet $(models); do
		[[ $output == *"$word"* ]] || { echo "no $word"; return 1; }
	done
}

@test "--list tells model, family and who works like it" {
	run -0 "$osconcepts" serve --list
	[[ ${lines[0]} == MODEL*FAMILY*"HOW IT WAITS" ]]
	[[ $output == *$'\n'MODEL*"WORKS LIKE"* ]]
	[[ $output == *fork*process* && $output == *thread*thread* && $output == *epoll*event* ]]
	run -0 "$osconcepts" serve --list --json
	/usr/bin/python3 -c 'import json, sys
for m in json.loads(sys.argv[1]): assert m["model"] and m["family"] and m["works_like"], m' "$output"
}

@test "wrong flags are named, with what would be right, and exit 2" {
	local args
	for args in "" "--model forked" "--model fork --port 70000" "--model fork --workers 0" \
		"--model epoll --workers 9999" "--model fork --idle-timeout never" \
		"--model fork --ready-fd 77" "--model fork --address localhost" "--model fork extra" \
		"--model fork --cpus x" "--model prefork --accept none" "--model fork --accept serialised" \
		"--model prefork --min-spare 5 --max-spare 4" "--model epoll --max-spare 9" "--model iterative --workers 2" "--model select --max-connections 1000" "--no-such-flag"; do
		# shellcheck disable=SC2086
		run -2 "$osconcepts" serve $args
		[[ $output == *osconcepts* ]]
	done
}

@test "a port in use, a privileged port and a foreign address say what to do" {
	start epoll --workers 2
	run -1 "$osconcepts" serve --model fork --port "$port"
	[[ $output == *"port $port: Address already in use; try "* ]]
	# Also for models that share their port among themselves.
	run -1 "$osconcepts" serve --model epoll --workers 2 --port "$port"
	[[ $output == *"Address already in use; try "* ]]
	run -1 "$osconcepts" serve --model fork --port 0 --address 192.0.2.1
	[[ $output == *"192.0.2.1 port 0: Cannot assign requested address; try "* ]]
	stop
	command -v setpriv >/dev/null || skip "setpriv"
	((EUID == 0)) || skip "root, to give up its rights"
	(($(</proc/sys/net/ipv4/ip_unprivileged_port_start) > 80)) || skip "no privileged ports here"
	run -77 setpriv --reuid 65534 --clear-groups --bounding-set -all "$osconcepts" serve \
		--model fork --port 80
	[[ $output == *"port 80: Permission denied; try "* ]]
}

@test "an account that cannot be written is an error before anything is served" {
	run -1 "$osconcepts" serve --model fork --port 0 --account /nowhere/books
	[[ $output == *"/nowhere/books"*"; try "* ]]
	run -1 "$osconcepts" serve --model fork --port 0 --account /dev/full/books
	[[ $output == *"/dev/full/books"*"; try "* ]]
}

@test "an account replaces a regular file, and nothing else" {
	local place=$BATS_TEST_TMPDIR/place
	mkfifo "$place"
	run -1 timeout 20 "$osconcepts" serve --model fork --port 0 --account "$place"
	[[ $output == *"account file '$place': not a regular file; try another path" ]]
	[[ -p $place ]]
	rm "$place"
	mkdir "$place"
	run -1 timeout 20 "$osconcepts" serve --model fork --port 0 --account "$place"
	[[ $output == *"not a regular file"* && -d $place ]]
	# Nothing half made beside it.
	[[ $(ls "$BATS_TEST_TMPDIR") == place ]]
	rmdir "$place"
	echo old >"$place"
	start fork --account "$place"
	stop
	(($(stat -c %s "$place") > 4096))
}

@test "start and end are JSON when asked, and the ready descriptor gets the port" {
	start fork
	[[ -s $books ]]
	run -0 curl -sS "$url/"
	[[ $output == "Hello, world" ]]
	stop
	/usr/bin/python3 -c 'import json, sys
first, last = map(json.loads, open(sys.argv[1]))
assert first["schema"] == "osconcepts-serve/1" and first["port"] == int(sys.argv[2]), first
assert first["account"].endswith("/books") and first["model"] == "fork", first
assert last["schema"] == "osconcepts-serve-end/1" and not last["forced"], last
assert last["account"]["requests"] == 1 == last["account"]["forks"], last' "$end" "$port"
}

@test "a start that cannot be written is the end" {
	run -1 timeout 20 bash -c '"$0" serve --model fork --port 0 --json --quiet >/dev/full' "$osconcepts"
	[[ $output == *"No space left"* ]]
}

@test "too few descriptors to serve with are an error before the start is told" {
	local model
	for model in $(models); do
		# What bats has open would count.
		# shellcheck disable=SC2016
		run -1 timeout 20 bash -c 'for fd in {3..20}; do exec {fd}>&-; done
			ulimit -n 5; exec "$0" serve --model "$1" --port 0 --json' "$osconcepts" "$model"
		[[ $output == *"Too many open files; try 'ulimit -n "* ]]
		[[ $output != *osconcepts-serve/1* ]]
	done
}

@test "without io_uring: uring says so, and falls back where that is asked for" {
	local without=$BATS_TEST_DIRNAME/lib/without_uring.py
	run -77 "$without" ENOSYS "$osconcepts" serve --model uring --port 0
	[[ $output == *"this kernel has no io_uring"*"try --model epoll-multi, or --fallback"* ]]
	run -77 "$without" EPERM "$osconcepts" serve --model uring --port 0
	[[ $output == *"forbidden here"*"kernel.io_uring_disabled"* ]]
	start_as=("$without" EPERM)
	start uring --fallback
	[[ $(<"$messages") == *"uring cannot serve here"*"epoll-multi does"* ]]
	[[ $(curl -s "$url/") == "Hello, world" ]]
	stop
	[[ $(<"$end") == *'"model":"epoll-multi"'* ]]
	# Nobody is told of it where it is not needed.
	start_as=()
	start epoll --fallback
	stop
	[[ $(<"$end") == *'"model":"epoll"'* && $(<"$messages") != *"cannot serve"* ]]
}

@test "IPv6 and --cpus" {
	[[ -e /proc/net/if_inet6 ]] || skip "no IPv6"
	start thread --address ::1 --cpus 0
	eventually has_workers 1
	run -0 curl -sS -g "http://[::1]:$port/"
	[[ $output == "Hello, world" ]]
	for pid in "$server" $(workers); do
		run -0 taskset -cp "$pid"
		[[ $output == *": 0" ]]
	done
	stop
}

@test "curl: text, HEAD, bytes, work, sleep, queries, a long body" {
	for model in $(models); do
		start "$model"
		[[ $(curl -sS "$url/") == "Hello, world" ]]
		curl -sSI "$url/bytes/77" | grep -q $'^Content-Length: 77\r$'
		curl -sS "$url/bytes/1000000?x=y" | cmp - <(pattern 1000000)
		[[ $(curl -sS "$url/bytes/0" | wc -c) == 0 ]]
		[[ $(curl -sS "$url/work/1000" "$url/sleep/1000" | wc -l) == 2 ]]
		[[ $(curl -sS -o /dev/null -w '%{http_code}' "$url/none") == 404 ]]
		curl -sS -i -d x "$url/" | grep -q $'^Allow: GET, HEAD\r$'
		[[ $(head -c 500000 /dev/zero |
			curl -sS -o /dev/null -w '%{http_code}' --data-binary @- "$url/") == 405 ]]
		[[ $(head -c 5000000 /dev/zero |
			curl -sS -o /dev/null -w '%{http_code}' --data-binary @- "$url/") == 413 ]]
		[[ $(curl -sS -H 'Transfer-Encoding: chunked' -d x -o /dev/null -w '%{http_code}' "$url/") == 501 ]]
		[[ $(curl -sS --http1.0 "$url/") == "Hello, world" ]]
		stop
		(($(booked requests) == $(booked responses_2xx) + $(booked responses_4xx) + $(booked responses_5xx)))
		(($(booked accepts) == $(booked closes)))
	done
}

@test "ab, wrk and h2load have every request answered" {
	for model in $(models); do
		start "$model"
		run -0 ab -q -n 500 -c 10 "$url/"
		[[ $output =~ Complete\ requests:\ +500 && $output =~ Failed\ requests:\ +0 ]]
		run -0 ab -q -k -n 2000 -c 10 "$url/"
		[[ $output =~ Complete\ requests:\ +2000 && $output =~ Failed\ requests:\ +0 ]]
		# One at a time lets nobody stay.
		! among "$model" "$(models many)" || [[ $output =~ Keep-Alive\ requests:\ +2000 ]]
		run -0 wrk -t 1 -c 10 -d 1 "$url/"
		[[ $output != *"Socket errors"* && $output != *Non-2xx* ]]
		if among "$model" "$(models many)"; then
			run -0 h2load --h1 -n 2000 -c 10 -m 8 "$url/bytes/100"
			[[ $output == *"2000 succeeded, 0 failed, 0 errored, 0 timeout"* ]]
		fi
		stop
		(($(booked accepts) == $(booked closes) && $(booked accepts) >= 530))
		(($(booked responses_2xx) == $(booked requests)))
	done
}

@test "nginx passes requests on and finds nothing wrong" {
	command -v nginx >/dev/null || skip "nginx"
	for model in $(models); do
		start "$model"
		cat >"$BATS_TEST_TMPDIR/nginx.conf" <<-CONF
			daemon off; master_process off; pid $BATS_TEST_TMPDIR/nginx.pid;
			error_log $BATS_TEST_TMPDIR/nginx.log error;
			events {}
			http {
				access_log off;
				client_body_temp_path $BATS_TEST_TMPDIR/b; proxy_temp_path $BATS_TEST_TMPDIR/p;
				fastcgi_temp_path $BATS_TEST_TMPDIR/f; uwsgi_temp_path $BATS_TEST_TMPDIR/u;
				scgi_temp_path $BATS_TEST_TMPDIR/s;
				upstream us { server 127.0.0.1:$port; keepalive 8; }
				server {
					listen unix:$BATS_TEST_TMPDIR/nginx.sock;
					location / { proxy_pass http://us; proxy_http_version 1.1; proxy_set_header Connection ""; }
				}
			}
		CONF
		nginx -c "$BATS_TEST_TMPDIR/nginx.conf" 3>&- 2>/dev/null &
		local proxy=$!
		servers+=("$proxy")
		eventually test -S "$BATS_TEST_TMPDIR/nginx.sock"
		local through=(curl -sS --unix-socket "$BATS_TEST_TMPDIR/nginx.sock")
		for _ in 1 2 3 4 5; do
			[[ $("${through[@]}" http://proxy/ http://proxy/ | wc -l) == 2 ]]
			[[ $("${through[@]}" http://proxy/bytes/3000000 | wc -c) == 3000000 ]]
			[[ $("${through[@]}" -d x -o /dev/null -w '%{http_code}' http://proxy/) == 405 ]]
		done
		kill "$proxy"
		wait "$proxy" || true
		[[ ! -s $BATS_TEST_TMPDIR/nginx.log ]] || { cat "$BATS_TEST_TMPDIR/nginx.log"; return 1; }
		rm -f "$BATS_TEST_TMPDIR/nginx.sock"
		stop
	done
}

@test "pipelining in pieces of every size, and thousands deep" {
	for model in $(models); do
		start "$model"
		if among "$model" "$(models many)"; then
			check pieces
			check deep_pipeline
		else
			check pieces 1
		fi
		stop
	done
}

@test "each refusal has its status, reaches a client that still sends, and hurts nobody else" {
	for model in $(models); do
		start "$model"
		check statuses
		check big_refusal
		check expect_continue
		if among "$model" "$(models many)"; then
			check half_close
		else
			check half_close 1
		fi
		stop
	done
}

# family MODEL
family()
{
	"$osconcepts" serve --list --json |
		/usr/bin/python3 -c 'import json, sys
print({m["model"]: m["family"] for m in json.load(sys.stdin)}[sys.argv[1]])' "$1"
}

@test "10,000 idle connections keep nobody from being served, in 128 bytes each" {
	local count bytes family
	# Theirs, the other side of them, and what we have open.
	(($(ulimit -Hn) >= 10100)) || skip "cannot have 10,100 descriptors"
	for model in $(models many); do
		count=10000 bytes=128 family=$(family "$model")
		case $family in
		process) count=1000 bytes= ;;
		thread) bytes= ;;
		esac
		case $model in
		# There are no descriptors for more.
		select) count=900 ;;
		# It looks at each of them for each that is asked on.
		poll) count=2000 ;;
		# The threads of the others are with them.
		pool-event) bytes=128 ;;
		esac
		# A sanitizer has memory of its own, and much for a process or a thread.
		if [[ ${SAN-} ]]; then
			bytes=
			count=$((count / 10))
			[[ $family != process && $family != thread ]] || count=100
		fi
		case $model in
		fork | prefork | prefork-fdpass | thread | pool | leader)
			start "$model" --idle-timeout 600s --workers "$((count + 50))" ;;
		epoll-* | prefork-epoll | uring) start "$model" --idle-timeout 600s --workers 2 ;;
		*) start "$model" --idle-timeout 600s ;;
		esac
		check idle_many "$count" "$server" $bytes
		stop
		(($(booked accepts) == $(booked closes) && $(booked timeouts) == 0))
	done
}

@test "epoll-offload: who works keeps nobody else from being served" {
	local workers work_us
	for workers in 1 3; do
		# Work that is over too soon tells nothing.
		for work_us in 100000 1000000; do
			start epoll-offload --workers "$workers"
			status=0
			check working "$work_us" || status=$?
			stop
			(($(booked requests) >= 23))
			(($(booked accepts) == 3 && $(booked closes) == 3))
			(($(booked threads_created) == workers))
			((status == 3)) || break
		done
		((status == 0))
	done
}

@test "a forked child has no mapping of libraries that it never calls" {
	local child
	start fork
	exec 8<>"/dev/tcp/127.0.0.1/$port"
	eventually has_workers 1
	child=$(workers | head -n 1)
	grep -q /libjansson "/proc/$server/maps"
	grep -q /libc[.-] "/proc/$child/maps"
	run -1 grep -E "/lib(jansson|gsl|smartcols|mnl)" "/proc/$child/maps"
	exec 8>&-
	stop
}
