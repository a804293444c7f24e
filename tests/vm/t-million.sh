#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# 20,000 connections held, requests trickling over them, by what `make million`
# measures a million with; that an interrupted run goes on where it was; and which
# limit stops a model.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
dir=$(mktemp -d /tmp/t-million.XXXXXX)
trap 'rm -rf "$dir"' EXIT
[[ $(uname -r) == 6.12.*-amd64 ]] || {
	tap_skip "20,000 connections" "of Debian's 6.12 only: it takes a minute"
	tap_done
}
memory_kib=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)

# million CONNECTIONS: its rows in $dir/rows, what it said in $dir/said
million()
{
	tests/vm/million.py --connections "$1" --seconds 3 --rate 300 --rows "$dir/rows" --log "$dir/log" 2>"$dir/said"
}

# holds NAME FILTER: of all rows
holds()
{
	jq -s -e "$2" "$dir/rows" >/dev/null || { sed 's/^/# /' "$dir/rows" "$dir/said" "$dir/log"; false; }
	tap_result $? "$1"
}

if ((memory_kib < 500000)); then
	tap_skip "20,000 connections" "the guest has $memory_kib KiB, some 500,000 are needed"
	tap_done
fi
# Each model loads the module itself.
module_unload
# A huge page is taken or not as free memory happens to lie: without them a step is 4 KiB.
echo never >/sys/kernel/mm/transparent_hugepage/enabled
million 1000,20000 || sed 's/^/# /' "$dir/said"
holds "epoll-multi and uring hold 1,000 and 20,000 connections" \
	'map([.model, .connections]) == [["epoll-multi", 1000], ["epoll-multi", 20000], ["uring", 1000], ["uring", 20000]]'
holds "requests trickle over them, and nothing is lost" 'all(.requests > 100 and .lost == 0)'
holds "a connection is two TCP sockets of the kernel" \
	'map(select(.connections == 20000)) | all(.bytes_per_connection.slabs.TCP | . > 3000 and . < 8000)'
# What does not grow with them is in both rows.
holds "each further one takes at most 128 bytes of the server and 200 of the client" \
	'def bytes($who): .connections * .bytes_per_connection[$who];
	 group_by(.model) | all((.[1].connections - .[0].connections) as $further |
	  ((.[1] | bytes("server")) - (.[0] | bytes("server")) <= 128 * $further) and
	  ((.[1] | bytes("client")) - (.[0] | bytes("client")) <= 200 * $further))'
holds "epoll's loops are woken from epoll, the rings are not" \
	'all((.model == "epoll-multi") == (.per_request.epoll_wakeups > 0))'
million 1000,20000
[[ $(wc -l <"$dir/rows") == 4 && $(<"$dir/said") == *"all steps are there"* ]]
tap_result $? "what is there is not measured again"

# limits: its rows in $dir/limits, what it said in $dir/said
limits()
{
	tests/vm/limits.py --models thread --only vm.max_map_count --rows "$dir/limits" --log "$dir/log" \
		2>"$dir/said"
}

limits
jq -s -e 'map(.takes) == [2]' "$dir/limits" >/dev/null ||
	{ sed 's/^/# /' "$dir/limits" "$dir/said" "$dir/log"; false; }
tap_result $? "a connection of a thread takes two mappings: its stack and the page before it"
limits
[[ $(wc -l <"$dir/limits") == 1 && $(<"$dir/said") == *"all limits are there"* ]]
tap_result $? "limits that are there are not measured again"
tap_done
