# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Commands of osconcepts, judged by exit status, text and JSON. Sourced after
# scripts/test.d/tap.sh and module.sh; $dir is the test's own and goes with it.

PATH=$PWD/$BUILD:$PATH
[[ $BUILD != /* ]] || PATH=$BUILD:$PATH
dir=$(mktemp -d /tmp/t-cli.XXXXXX)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
# What makes a command one without rights, for those who source this.
# shellcheck disable=SC2034
user=(setpriv --reuid 1000 --regid 1000 --clear-groups)

# check NAME STATUS TEXT COMMAND…: it ends with STATUS and says TEXT.
check()
{
	local name=$1 want=$2 text=$3 status
	shift 3
	"$@" >"$dir/out" 2>&1
	status=$?
	[[ $status == "$want" && $(<"$dir/out") == *"$text"* ]] || {
		echo "# exit status $status, wanted $want, and '$text' in:"
		sed 's/^/# /' "$dir/out"
		false
	}
	tap_result $? "$name"
}

# holds NAME FILTER: of what the last check printed, as one array
holds()
{
	jq -es "$2" "$dir/out" >/dev/null || {
		jq -c . "$dir/out" | sed 's/^/# /'
		false
	}
	tap_result $? "$1"
}

no_targets()
{
	[[ $(osconcepts targets --json | jq '.targets | length') == 0 ]]
}
