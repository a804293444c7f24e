#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts serve when things go wrong: hostile clients, dead workers, no
# descriptors, signals. Every model comes through, and its books stay right.

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
	[[ ! -d ${books_place-} ]] || rm -r "$books_place"
}

no_children()
{
	[[ -z $(pgrep -P "$server") ]]
}

# Dead: reaped, or a zombie of whoever adopted it.
gone()
{
	[[ ! -e /proc/$1/stat ]] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

refused()
{
	! curl -s -o /dev/null "$url/"
}

# replaced PID COUNT: it is not one of the COUNT workers any more
replaced()
{
	has_workers "$2" && ! workers | grep -qx " *$1"
}

ended_by_time()
{
	start "$model" --header-timeout 400ms
	check slow_head
	stop
	(($(booked timeouts) == 1))
	# Long enough for a busy machine to send a request in time.
	start "$model" --idle-timeout 1s --write-timeout 300ms
	check idle
	check slow_reader
	# A client must not buy time byte by byte, nor page by page.
	check drip 400
	check drip 2000
	stop
	(($(booked timeouts) == 5)) || { echo "$model: $(booked timeouts) timeouts"; return 1; }
}

@test "slow heads, silent connections and slow readers are ended by time" {
	each_at_once ended_by_time many
}

# cut_after MODEL: how many milliseconds a client is kept that takes nothing.
cut_after()
{
	local from to
	start "$1" --write-timeout 2s
	from=${EPOCHREALTIME/./}
	check slow_reader >&2
	to=${EPOCHREALTIME/./}
	stop >&2
	(($(booked timeouts) == 1)) && echo $(((to - from) / 1000))
}

@test "a process or thread that writes is as punctual as a loop, to within the half" {
	loop=$(cut_after epoll)
	for model in fork thread prefork; do
		own=$(cut_after "$model")
		echo "$model: $own ms, epoll: $loop ms"
		((2 * own < 3 * loop))
	done
}

# By a signal a call ends early that has not found the socket full.
@test "a server that is stopped and continued in mid-body goes on with it" {
	local pids
	for model in epoll epoll-et prefork-epoll thread; do
		start "$model" --workers 2 --write-timeout 5s
		mapfile -t pids < <(workers)
		curl -sS --max-time "$patience_s" -o /dev/null -w '%{size_download}' "$url/bytes/1000000000" \
			>"$BATS_TEST_TMPDIR/size" &
		client=$!
		while kill -0 "$client" 2>/dev/null; do
			kill -STOP "${pids[@]}"
			kill -CONT "${pids[@]}"
			sleep 0.001
		done
		wait "$client"
		[[ $(<"$BATS_TEST_TMPDIR/size") == 1000000000 ]]
		stop
		(($(booked timeouts) == 0))
	done
}

@test "where no file may be so large, long bodies are copied" {
	# shellcheck disable=SC2016
	start_as=(bash -c 'ulimit -f "$0"; exec "$@"' 100)
	for model in epoll thread; do
		start "$model"
		curl -sS "$url/bytes/200000" | cmp - <(pattern 200000)
		stop
		(($(booked bytes_pages) == 0))
	done
}

answers_in_spite_of_late_input()
{
	start "$model"
	check late_input
	stop
	(($(booked accepts) == 6 && $(booked closes) == 6 && $(booked responses_2xx) == 6))
}

@test "input that comes late takes nothing from a client of the last response" {
	each_at_once answers_in_spite_of_late_input
}

closes_by_itself()
{
	start "$model" --write-timeout 1s
	hold_by never_closes 4
	eventually has_counted closes 4
	[[ $(curl -sS -m "$patience_s" "$url/") == "Hello, world" ]]
	let_go
	stop
	(($(booked accepts) == 5 && $(booked closes) == 5))
}

@test "who neither reads nor closes after the last response is closed in the end" {
	each_at_once closes_by_itself
}

survives_a_cut_account()
{
	start "$model"
	[[ $(curl -sS -m "$patience_s" "$url/") == "Hello, world" ]]
	: >"$books"
	for _ in 1 2 3; do
		[[ $(curl -sS -m "$patience_s" "$url/") == "Hello, world" ]]
	done
	stop 1
	[[ $(<"$messages") == *"account file '$books': cut while the server ran"*"; try "* ]]
	[[ $(tail -n 1 "$end") == *'"account":null'* ]]
}

@test "a server whose account file is cut serves on, and says that its numbers are lost" {
	each_at_once survives_a_cut_account
}

@test "nobody but its owner may cut an account file, whatever was there before" {
	touch "$BATS_TEST_TMPDIR/books"
	chmod 666 "$BATS_TEST_TMPDIR/books"
	start epoll
	[[ $(stat -c %A "$books") == -rw-r--r-- ]]
	stop
}

@test "clients that reset at any moment leave nothing behind" {
	for model in $(models); do
		start "$model"
		if among "$model" "$(models many)"; then
			# A thread or process sleeps to the end for who has gone.
			check reset 70 1000000
		else
			check reset 70 1000
		fi
		stop
		(($(booked accepts) == $(booked closes)))
	done
}

# A loop that is busy sees the requests of some connections only after their time.
serves_what_has_come()
{
	start "$model" --idle-timeout 20ms
	timeout 60 "$osconcepts" load "$url/work/5000" -c 3 -d 2s --json >/dev/null 2>&1 3>&- &
	timeout 60 "$osconcepts" load "$url/" -r 400 -c 8 -d 2s --arrival poisson --json >"$BATS_TEST_TMPDIR/load.json" || (($? == 4))
	wait "$!" || true
	# What comes in the moment of the close is lost, whoever looks. It is rare.
	jq -e '([.errors[]] | add // 0) * 100 <= .requests + 300' "$BATS_TEST_TMPDIR/load.json" >/dev/null ||
		{ jq -c '[.requests, .errors]' "$BATS_TEST_TMPDIR/load.json"; return 1; }
	stop
}

@test "a request that came before its connection was found idle is answered" {
	for model in epoll epoll-et uring pool-event; do
		among "$model" "$(models)" || continue
		serves_what_has_come
	done
}

@test "SIGTERM under load loses no request of an accepted connection" {
	for model in $(models); do
		for keep in keep close; do
			start "$model"
			run -0 check under_load "$keep" "$server"
			ended 0
			# What was answered is what the clients saw; nobody is cut.
			(($(booked requests) == output))
			(($(booked accepts) == $(booked closes)))
			[[ $(tail -n 1 "$end") == *'"cut":0'* ]]
		done
	done
}

answers_what_was_asked()
{
	local status sleep_us
	# A sleep that is over too soon tells nothing.
	for sleep_us in 500000 2000000 8000000 32000000; do
		start "$model" --grace 60s --write-timeout 60s
		status=0
		check in_flight "$server" "$sleep_us" || status=$?
		ended 0
		((status == 3)) || break
	done
	((status == 0))
}

@test "after SIGTERM what was asked is answered and nobody new gets in" {
	each_at_once answers_what_was_asked many
}

ends_in_grace()
{
	start "$model" --grace 1s
	hold 3
	let_go
	hold 1 /sleep/60000000
	SECONDS=0
	stop
	((SECONDS < 30))
	[[ $(<"$messages") == *"1 connection cut"*"; try a longer --grace"* ]]
	let_go
}

@test "the grace is the longest that a stop takes" {
	each_at_once ends_in_grace many
}

ends_at_once()
{
	start "$model" --grace 60s
	hold 1 /sleep/60000000
	local before=${EPOCHREALTIME/./} apart
	# The same signal twice, as timeout(1) sends it, is one.
	kill -TERM "$server" "$server"
	apart=$((${EPOCHREALTIME/./} - before))
	eventually refused
	# Well over OSC_SERVER_SAME_STOP_NS.
	sleep 1
	! gone "$server" || ((apart > 50000))
	SECONDS=0
	kill -TERM "$server"
	ended 1
	((SECONDS < 30))
	let_go
}

@test "a second signal, a while later, ends the server at once with exit 1" {
	each_at_once ends_at_once many
}

@test "a killed worker is counted and mended" {
	local victim
	for model in $(models); do
		start "$model"
		hold 2
		victim=$(workers | head -n 1)
		kill -KILL "$victim"
		eventually gone "$victim"
		for _ in 1 2 3 4 5; do
			[[ $(curl -sS -m "$patience_s" "$url/") == "Hello, world" ]]
		done
		let_go
		stop
		(($(booked worker_deaths) == 1)) || { echo "$model: $(booked worker_deaths)"; return 1; }
		(($(booked accepts) == $(booked closes)))
		(($(booked forks) == $(booked worker_exits) + 1))
	done
}

killed_again_and_again()
{
	# Its children come with their connections.
	[[ $model != fork && $model != prefork-fdpass ]] || return 0
	start "$model"
	check killed_again_and_again "$server"
	stop
	(($(booked worker_deaths) >= 25)) || { booked worker_deaths; return 1; }
}

@test "workers that are killed again and again are replaced as fast as the first" {
	each_at_once killed_again_and_again
}

@test "prefork-fdpass: what a killed worker has not taken goes to another" {
	start prefork-fdpass
	run -0 check killed_untaken "$server"
	stop
	(($(booked worker_deaths) == 1 && $(booked accepts) == 2 && $(booked closes) == 2))
}

@test "prefork has some idle workers, whatever comes and goes" {
	local how
	for how in shared serialised; do
		start prefork --min-spare 2 --max-spare 4 --workers 20 --accept "$how"
		eventually has_workers 2
		hold 9
		eventually has_workers 11
		# Two more, to be idle, do not fit.
		let_go
		hold 19
		eventually has_workers 20
		let_go
		eventually has_workers 4
		check waiting 40
		stop
		(($(booked accepts) == 68 && $(booked closes) == 68))
		(($(booked forks) == $(booked worker_exits)))
	done
}

@test "iterative: silent and slow clients are ended by time, and then the next has its turn" {
	start iterative --header-timeout 400ms --idle-timeout 1s --write-timeout 300ms
	check slow_head
	check idle
	check drip 400
	check waiting 40
	stop
	(($(booked timeouts) == 3 && $(booked accepts) == 44))
}

@test "a loop of several dies: the others go on, its successor takes its queue" {
	local victim
	start epoll --workers 3
	eventually has_workers 3
	for _ in 1 2 3; do
		victim=$(workers | head -n 1)
		# What connects to it meanwhile waits in its queue.
		kill -STOP "$victim"
		check waiting 12 "$victim"
		eventually replaced "$victim" 3
	done
	stop
	(($(booked worker_deaths) == 3 && $(booked forks) == 6 && $(booked requests) == 36))
}

@test "no worker outlives a killed server, and no zombie stays" {
	local child children
	for model in $(models); do
		start "$model"
		hold 3
		children=$(workers)
		[[ $children ]]
		kill -KILL "$server"
		wait "$server" || true
		for child in $children; do
			eventually gone "$child"
		done
		let_go
	done
}

@test "the children of fork are gone when their connections are" {
	start fork
	ab -q -n 200 -c 10 "$url/" >/dev/null
	eventually no_children
	stop
	(($(booked forks) == $(booked accepts) && $(booked worker_exits) == $(booked forks)))
	(($(booked closes) == $(booked accepts) && $(booked requests) >= 200))
}

# start_one MODEL OPTION…: with one loop, where it would have one per CPU: they share
# connections as it comes.
start_one()
{
	local model=$1
	shift
	[[ $model == epoll-* || $model == prefork-epoll || $model == uring ]] && set -- "$@" --workers 1
	start "$model" "$@"
}

@test "no descriptors left: accepting pauses, nothing spins, all are served in the end" {
	start_as=(prlimit --nofile=40)
	for model in $(models many); do
		# More than fit, so that accept itself fails.
		start_one "$model" --max-connections 900
		hold 60 "" 1
		# A process for each connection has its descriptor, and no other's.
		among "$model" fork prefork || eventually has_counted accept_pauses 1
		let_go
		check waiting 100
		stop
		(($(booked accepts) == 160 && $(booked refused) == 0))
		# A loop that spun would have waited a million times.
		(($(booked accept_pauses) < 200 && $(booked waits) < 2000))
	done
}

@test "at --max-connections the rest wait, and are served" {
	for model in $(models many); do
		start_one "$model" --max-connections 4
		hold 8 "" 4
		eventually has_counted accept_pauses 1
		let_go
		check waiting 40
		stop
		(($(booked accepts) == 48 && $(booked refused) == 0))
		(($(booked accept_pauses) < 200 && $(booked waits) < 2000))
	done
}

@test "far more clients than --max-connections: each has its turn" {
	ulimit -n 4096 || skip "cannot have 4096 descriptors"
	for model in $(models many); do
		start_one "$model" --max-connections 1
		check waiting 1300
		check turns 60 600
		stop
		(($(booked refused) == 0 && $(booked worker_deaths) == 0 && $(booked requests) == 1900))
	done
}

stopped_at_the_limit()
{
	start_one "$model" --max-connections 4
	check stopped_full "$server"
	ended 0
	(($(booked requests) == 20 && $(booked accepts) == 20 && $(booked closes) == 20))
	[[ $(tail -n 1 "$end") == *'"cut":0'* ]]
}

@test "SIGTERM at --max-connections: who was connected is served" {
	each_at_once stopped_at_the_limit many
}

cut_at_the_limit()
{
	start_one "$model" --max-connections 2 --grace 1s
	hold 8 /sleep/60000000 2
	stop
	[[ $(<"$messages") == *"8 connections cut"* ]]
	(($(booked accepts) == 8 && $(booked closes) == 8))
	let_go
}

@test "who waits at --max-connections and is not served within the grace is cut, and said" {
	each_at_once cut_at_the_limit many
}

@test "a stop goes on as it was when the server is stopped and continued meanwhile" {
	start epoll --grace 60s
	curl -sS -m 50 -o /dev/null "$url/sleep/3000000" 3>&- &
	local client=$!
	eventually has_counted accepts 1
	kill -TERM "$server"
	eventually refused
	kill -STOP "$server"
	kill -CONT "$server"
	wait "$client"
	ended 0
}

@test "no more connections are accepted at once than --max-connections" {
	for model in epoll uring; do
		start_one "$model" --max-connections 4 --workers 1
		check backlog_waits "$server"
		stop
	done
}

@test "no memory left: who cannot be served is told, the others are, and there is room again" {
	local told meanwhile some
	[[ -z ${SAN-} ]] || skip "the allocator of a sanitizer does not fail"
	for model in $(models many); do
		# Theirs is each process's own.
		among "$model" fork prefork prefork-fdpass && continue
		start_one "$model" --header-timeout 60s
		eventually has_workers 1
		echo "model $model"
		meanwhile=yes
		# The few threads that it can have are taken by requests that do not end.
		[[ $model != pool-event ]] || meanwhile=no
		# Threads that stay serve who waits for one.
		some=yes
		! among "$model" pool leader pool-event || some=no
		told=$(check short_of_memory "$server" "$meanwhile" "$some")
		stop
		(($(booked refused) == told && $(booked responses_5xx) == told))
		(($(booked worker_deaths) == 0 && $(booked accepts) == $(booked closes)))
	done
}

# least_memory COMMAND…: KiB of address space that it can run in.
least_memory()
{
	local kib=2000
	until (ulimit -v "$kib" && exec "$@") >/dev/null 2>&1; do
		((kib += 200))
	done
	echo "$kib"
}

# Between what the first process needs and what a worker needs there are limits
# under which all workers fail.
@test "a server whose workers cannot set themselves up is not ready" {
	local kib least said=$BATS_TEST_TMPDIR/said
	[[ -z ${SAN-} ]] || skip "a sanitizer needs more address space"
	least=$(least_memory "$osconcepts" serve --list)
	for model in epoll leader pool-event; do
		: >"$said"
		for ((kib = least; ; kib += 50)); do
			start_as=(prlimit "--as=$((kib << 10))")
			! start "$model" >"$said" || { echo "$model: ready with $kib KiB"; return 1; }
			! grep -q 'workers fail as they start' "$said" || break
		done
		ended 1
	done
}

@test "a server that cannot fork its first worker says so" {
	local as=(setpriv --reuid 54321 --clear-groups prlimit --nproc=1)
	[[ $(id -u) == 0 ]] || skip "needs root, to become somebody else"
	"${as[@]}" "$osconcepts" --version >/dev/null || skip "not for others to run"
	for model in prefork pool epoll; do
		run -1 timeout "$patience_s" "${as[@]}" "$osconcepts" serve --model "$model" --port 0 --quiet
		[[ $output == *"workers fail as they start: cannot fork: Resource temporarily unavailable; see the limits of 'ulimit -a'" ]]
	done
}

@test "whoever sets the clock ends nobody and keeps nobody waiting" {
	local jump=$BATS_TEST_TMPDIR/jump
	[[ -z ${SAN-} ]] || skip "a sanitizer's library has to be the first"
	gcc -O1 -shared -fPIC -o "$jump.so" "$BATS_TEST_DIRNAME/lib/clock_jump.c"
	start_as=(env "LD_PRELOAD=$jump.so" "CLOCK_JUMP=$jump")
	for model in $(models); do
		head -c 8 /dev/zero >"$jump"
		start "$model" --header-timeout 400ms
		if among "$model" "$(models many)"; then
			check clock_jumps "$jump" keep
		else
			check clock_jumps "$jump" close
		fi
		check slow_head
		stop
		(($(booked timeouts) == 1))
	done
}

# start_few PROCESSES MODEL [OPTION…]: as start, of somebody who can have so many, lest
# another run's count; not after start.
start_few()
{
	((EUID == 0)) || skip "root, to be somebody without processes of their own"
	command -v setpriv >/dev/null || skip "setpriv"
	local few=$1 user=$((61000 + $$ % 1000))
	local run_as=(setpriv --reuid "$user" --clear-groups --bounding-set -all)
	shift
	"${run_as[@]}" test -x "$osconcepts" || skip "the build cannot be read by others"
	start_as=(prlimit "--nproc=$few" "${run_as[@]}")
	# The last one counts: others may not write where bats has its files.
	books_place=$(mktemp -d)
	chown "$user" "$books_place"
	start "$@" --account "$books_place/books"
}

@test "who is stopped while its workers still fail to start says so" {
	local limit told=0
	! nm "$osconcepts" 2>/dev/null | grep -q -e __asan_init -e __tsan_init || skip "a sanitized build"
	for limit in 11000 12000 14000 16000 20000; do
		# shellcheck disable=SC2016
		run timeout --preserve-status -s TERM 1 bash -c 'ulimit -v "$0"; exec "$@"' "$limit" \
			"$osconcepts" serve --model epoll-offload --port 0 --quiet
		((status == 0)) || [[ $output == *"cannot "* ]]
		[[ $output != *"workers fail as they start: cannot set up"*"ulimit -a"* ]] || told=$((told + status))
	done
	((told >= 1))
}

@test "no more processes to be had: 503, and recovery" {
	start_few 4 fork
	hold 3
	[[ $(curl -sS -o /dev/null -w '%{http_code}' "$url/") == 503 ]]
	let_go
	eventually no_children
	[[ $(curl -sS "$url/") == "Hello, world" ]]
	stop
	(($(booked refused) == 1 && $(booked responses_5xx) == 1))
}

@test "no more processes to be had: where they stay, the next one waits for one of them" {
	local answer=$BATS_TEST_TMPDIR/answer waits
	for model in prefork prefork-fdpass; do
		start_few 4 "$model" --workers 20
		hold 3
		curl -sS "$url/" >"$answer" &
		waits=$!
		let_go
		wait "$waits"
		[[ $(<"$answer") == "Hello, world" ]]
		check waiting 20
		stop
		(($(booked accepts) == 24 && $(booked closes) == 24 && $(booked refused) == 0))
		rm -r "$books_place"
	done
}
