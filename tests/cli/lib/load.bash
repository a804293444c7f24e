# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the load*.bats files share, beside serve.bash: a load on $engine, and what
# its document says.

# Who does it all again on the other engine; nothing where the kernel has none.
engines()
{
	echo epoll
	"$osconcepts" load --engine uring http://127.0.0.1:1/ -n 1 >/dev/null 2>&1 3>&-
	(($? == 77)) || echo uring
}

# load ARGUMENTS: its document in $json; $status is 0 or 4.
load()
{
	json=$BATS_TEST_TMPDIR/load.json
	status=0
	timeout 100 "$osconcepts" load --engine "$engine" "$@" --json >"$json" 2>"$BATS_TEST_TMPDIR/load.err" || status=$?
	((status == 0 || status == 4)) || { cat "$BATS_TEST_TMPDIR/load.err"; return 1; }
}

# faulty_server HOW [ARGUMENTS]: see faulty_server.py; sets $port and $url.
faulty_server()
{
	local told=$BATS_TEST_TMPDIR/faulty
	rm -f "$told"
	mkfifo "$told"
	/usr/bin/python3 "$BATS_TEST_DIRNAME/lib/faulty_server.py" "$@" >"$told" 3>&- &
	servers+=($!)
	port=$(head -n 1 "$told")
	url=http://127.0.0.1:$port
}

# is FILTER VALUE: what jq finds in $json.
is()
{
	local got
	got=$(jq -c "$1" "$json")
	[[ $got == "$2" ]] || { echo "$1 is $got, not $2"; return 1; }
}

# valid SCHEMA FILE: each line of it, or all of it, is as the schema says.
valid()
{
	/usr/bin/python3 -c 'import jsonschema' || return 0
	/usr/bin/python3 - "$BATS_TEST_DIRNAME/../../Documentation/$1.schema.json" "$2" <<-'EOF'
		import json, sys
		import jsonschema
		check = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
		text = open(sys.argv[2]).read()
		try:
		    documents = [json.loads(text)]
		except json.JSONDecodeError:
		    documents = [json.loads(line) for line in text.splitlines()]
		for document in documents:
		    check.validate(document)
	EOF
}
