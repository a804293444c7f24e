#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Names are bytes, JSON is UTF-8: whatever bytes a URL, a path, a command or a
# process has, the document is printed, with U+FFFD for those that are no character.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"
# shellcheck source=tests/cli/lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"

setup()
{
	servers=()
	engine=epoll
	bytes=$'caf\xe9\xff'
	shown='"caf\ufffd\ufffd"'
	json=$BATS_TEST_TMPDIR/any.json
}

teardown()
{
	end_servers
}

# document COMMAND…: its standard output, in $json, is JSON.
document()
{
	"$@" >"$json" 2>"$BATS_TEST_TMPDIR/err" || (($? == 4)) || { cat "$BATS_TEST_TMPDIR/err"; return 1; }
	jq -e . "$json" >/dev/null
}

@test "load, sweep and series: bytes of the URL and of fields" {
	start epoll
	document "$osconcepts" load "$url/$bytes" "$url/x?$bytes" -n 20 -c 1 -H "X: $bytes" --body "$bytes" --json \
		--series "$BATS_TEST_TMPDIR/series"
	is ".url | endswith($shown)" true
	is ".urls[1].url | endswith($shown)" true
	jq -e . "$BATS_TEST_TMPDIR/series" >/dev/null
	document "$osconcepts" sweep "$url/$bytes" -d 50ms --sweep 2 -c 1 -r 100 --json
	is ".target | endswith($shown)" true
	stop
}

@test "load: bytes of a socket's path" {
	/usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
while True:
    c = s.accept()[0]
    while c.recv(4096): c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")' "$BATS_TEST_TMPDIR/$bytes" 3>&- &
	servers+=($!)
	eventually test -S "$BATS_TEST_TMPDIR/$bytes"
	document "$osconcepts" load --unix "$BATS_TEST_TMPDIR/$bytes" http://a/ -n 10 -c 1 --json
	is ".addresses[0].address | endswith($shown)" true
}

@test "serve: bytes of the account's path" {
	local ready=$BATS_TEST_TMPDIR/ready port
	mkfifo "$ready"
	"$osconcepts" serve --model epoll --port 0 --json --ready-fd 9 --account "$BATS_TEST_TMPDIR/$bytes" 9>"$ready" 3>&- >"$json" \
		2>"$BATS_TEST_TMPDIR/err" &
	servers+=($!)
	read -r -t "$patience_s" port <"$ready" || { cat "$BATS_TEST_TMPDIR/err"; return 1; }
	[[ $port ]]
	kill -TERM "${servers[0]}"
	wait "${servers[0]}"
	[[ $(jq -s "map(select(.account | type == \"string\") | .account | endswith($shown))" -c "$json") == '[true]' ]]
}

@test "stat: bytes of a command and of its arguments" {
	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/$bytes"
	"$osconcepts" stat --json -o "$json" -- "$BATS_TEST_TMPDIR/$bytes" 0 "$bytes" || true
	is ".command | map(endswith($shown))" '[true,false,true]'
}

@test "compare: a path that is no UTF-8 is refused, before any run" {
	run -2 "$osconcepts" compare --path "/$bytes" -n 10
	[[ $output == *"--path"*"%"* ]]
}
