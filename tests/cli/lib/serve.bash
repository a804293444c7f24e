# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
#
# What the serve*.bats files share: a server that is ready when start returns,
# and ended, whatever happens, when the test is over.

# shellcheck source=tests/cli/lib/wait.bash
source "$BATS_TEST_DIRNAME/lib/wait.bash"

osconcepts=${BUILD:-$BATS_TEST_DIRNAME/../../build}/osconcepts
client=$BATS_TEST_DIRNAME/lib/http_client.py

# models [many]: those that `serve --list` names, or of these the ones with many
# connections at once: a new one is tested without a change.
models()
{
	"$osconcepts" serve --list --json |
		/usr/bin/python3 -c 'import json, sys
print(*(m["model"] for m in json.load(sys.stdin) if sys.argv[1] in ("", m["at_once"])))' "${1-}"
}

# pattern N: the body of /bytes/N.
pattern()
{
	yes 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ- | head -c "$1"
}

# among WORD WORD…: the first is one of the others
among()
{
	[[ " ${*:2} " == *" $1 "* ]]
}

# What start runs the server under.
start_as=()

# start MODEL [OPTIONS]: sets $server (a pid) and $port. What it prints is in
# $end and $messages.
start()
{
	local model=$1 ready=$BATS_TEST_TMPDIR/ready
	shift
	end=$BATS_TEST_TMPDIR/end.json
	messages=$BATS_TEST_TMPDIR/messages
	books=$BATS_TEST_TMPDIR/books
	rm -f "$ready"
	mkfifo "$ready"
	"${start_as[@]}" "$osconcepts" serve --model "$model" --port 0 --json --ready-fd 9 \
		--account "$books" "$@" 9>"$ready" 3>&- >"$end" 2>"$messages" &
	server=$!
	servers+=("$server")
	port=
	read -r -t "$patience_s" port <"$ready" || true
	[[ $port ]] || { cat "$messages"; return 1; }
	url=http://127.0.0.1:$port
}

# each_at_once NAME [many]: calls NAME for each of these models, in $model, some
# at a time, each with servers and files of its own: for what mostly waits.
each_at_once()
{
	local name=$1 model failed=0 i all pids=()
	read -ra all <<<"$(models "${2-}")"
	for model in "${all[@]}"; do
		of_its_own "$name" >"$BATS_TEST_TMPDIR/$model.log" 2>&1 3>&- &
		pids+=("$!")
		((${#pids[@]} % at_once)) || wait "${pids[@]}" || true
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" || {
			failed=1
			echo "${all[i]}:"
			tail -n 10 "$BATS_TEST_TMPDIR/${all[i]}.log"
		}
	done
	return "$failed"
}
at_once=4

# of_its_own NAME: in a shell of its own, which says what failed and leaves no
# server behind.
of_its_own()
{
	servers=()
	BATS_TEST_TMPDIR+=/$model
	mkdir "$BATS_TEST_TMPDIR"
	trap - DEBUG
	trap 'echo "failed: $BASH_COMMAND"; trap - ERR' ERR
	trap end_servers EXIT
	"$1"
}

# The children of the server that live. It is ready when one of them is set up: who
# connects to another one waits for it.
workers()
{
	ps -o pid=,stat= --ppid "$server" | awk '$2 !~ /^Z/ { print $1 }'
}

has_workers()
{
	(($(workers | wc -l) == $1))
}

# Ends the server in order; fails when its exit status is not $1 (0).
stop()
{
	kill -TERM "$server"
	ended "${1:-0}"
}

ended()
{
	local status=0
	wait "$server" || status=$?
	((status == $1)) || { echo "exit status $status"; cat "$messages"; return 1; }
	nothing_left || { echo "processes outlive their server"; running; return 1; }
}

# The processes of this test's servers, told by the books that they were given.
running()
{
	pgrep -af -- "--account $BATS_TEST_TMPDIR/books( |\$)"
}

nothing_left()
{
	! running >/dev/null
}

# booked FIELD: what the server, when it had ended, had counted.
booked()
{
	/usr/bin/python3 -c 'import json, sys
print(json.loads(open(sys.argv[1]).readlines()[-1])["account"][sys.argv[2]])' "$end" "$1"
}

# counted FIELD: what the running server has counted by now, from its books.
counted()
{
	/usr/bin/python3 -c 'import struct, sys
place = {"accepts": 0, "closes": 1, "requests": 2, "accept_pauses": 15}[sys.argv[2]]
books = open(sys.argv[1], "rb").read()
print(sum(struct.unpack_from("Q", books, at + 8 * place)[0] for at in range(4096, len(books), 256)))' \
		"$books" "$1"
}

# has_counted FIELD NUMBER
has_counted()
{
	(($(counted "$1") >= $2))
}

# hold COUNT [PATH [LEAST]]: see held of http_client.py. Sets $holder.
hold()
{
	hold_by held "$@"
}

# hold_by NAME ARGUMENTS: likewise, by another one that prints a line.
hold_by()
{
	local told=$BATS_TEST_TMPDIR/held name=$1 line=
	shift
	rm -f "$told"
	mkfifo "$told"
	/usr/bin/python3 "$client" "$name" "$port" "$@" 3>&- >"$told" &
	holder=$!
	servers+=("$holder")
	read -r -t "$patience_s" line <"$told" || true
	[[ $line ]] || { echo "no connections to hold"; cat "$messages"; return 1; }
}

let_go()
{
	kill "$holder"
	wait "$holder" || true
}

# check NAME [ARGUMENTS]: one of http_client.py's, against $port.
check()
{
	local name=$1 status=0
	shift
	timeout 200 /usr/bin/python3 "$client" "$name" "$port" "$@" || status=$?
	((status == 0)) || { echo "model ${model-}"; cat "$messages"; }
	return "$status"
}

end_servers()
{
	local pid
	for pid in "${servers[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	# A server that was killed takes its workers with it.
	eventually nothing_left || { running; return 1; }
}
