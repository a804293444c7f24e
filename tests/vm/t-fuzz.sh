#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of the fuzzer of the netlink family (tests/fuzz/netlink;
# scripts/fuzz-netlink runs the long one): nothing malformed is answered, no
# target is left, and a seed replays a run.

source scripts/test.d/tap.sh
source tests/vm/lib/module.sh
fuzz=$BUILD/vm-tests/fuzz-netlink
messages=${OSC_FUZZ_MESSAGES:-10000}

digest_of()
{
	sed -n 's/.*digest //p' "$1"
}

# fuzz_run NAME SEED MESSAGES
fuzz_run()
{
	"$fuzz" --messages "$3" --seed "$2" >"/tmp/fuzz.$1" 2>/tmp/fuzz.err
	tap_result $? "seed $2: $3 messages leave nothing wrong"
	sed 's/^/# /' "/tmp/fuzz.$1"
}

fuzz_run long 7 "$messages"
fuzz_run first 8 1000
fuzz_run again 8 1000
fuzz_run other 9 1000
[[ $(digest_of /tmp/fuzz.first) ]] && [[ $(digest_of /tmp/fuzz.first) == "$(digest_of /tmp/fuzz.again)" ]]
tap_result $? "a seed makes the same messages again, to the byte"
[[ $(digest_of /tmp/fuzz.first) != "$(digest_of /tmp/fuzz.other)" ]]
tap_result $? "another seed sends others"
# Every command got through to its own code, and was refused as well.
for command in source-get totals-get target-add target-del target-get timing-get timing-set histogram-get; do
	grep -q "^$command .* ok=[1-9].* EINVAL=[1-9]" /tmp/fuzz.long
	tap_result $? "$command was obeyed and refused"
done
is 0 "$(proc_value targets)" "no target is left"
tap_done
