# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
#
# What the serve*.bats files share: a server that is ready when start returns,
# and ended, whatever happens, when the test is over.

osconcepts=${BUILD:-$BATS_TEST_DIRNAME/../../build}/osconcepts
client=$BATS_TEST_DIRNAME/lib/http_client.py

# The models that `serve --list` names: a new one is tested without a change.
models()
{
	"$osconcepts" serve --list --json |
		/usr/bin/python3 -c 'import json, sys; print(*(m["model"] for m in json.load(sys.stdin)))'
}

# start MODEL [OPTIONS]: sets $server (a pid) and $port. What it prints is in
# $end and $messages.
start()
{
	local model=$1 ready=$BATS_TEST_TMPDIR/ready
	shift
	end=$BATS_TEST_TMPDIR/end.json
	messages=$BATS_TEST_TMPDIR/messages
	rm -f "$ready"
	mkfifo "$ready"
	"$osconcepts" serve --model "$model" --port 0 --json --ready-fd 9 "$@" \
		9>"$ready" 3>&- >"$end" 2>"$messages" &
	server=$!
	servers+=("$server")
	port=
	read -r -t 20 port <"$ready" || true
	[[ $port ]] || { cat "$messages"; return 1; }
	url=http://127.0.0.1:$port
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
}

# booked FIELD: what the server, when it had ended, had counted.
booked()
{
	/usr/bin/python3 -c 'import json, sys
print(json.loads(open(sys.argv[1]).readlines()[-1])["account"][sys.argv[2]])' "$end" "$1"
}

# check NAME [ARGUMENTS]: one of http_client.py's, against $port.
check()
{
	local name=$1
	shift
	timeout 100 /usr/bin/python3 "$client" "$name" "$port" "$@" || {
		echo "model $model"
		cat "$messages"
		return 1
	}
}

# Until CMD succeeds, for at most 10 s.
eventually()
{
	local tries
	for ((tries = 0; tries < 200; tries++)); do
		"$@" && return
		sleep 0.05
	done
	echo "never: $*"
	return 1
}

end_servers()
{
	local pid
	for pid in "${servers[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}
