#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# debug-kcsan.sh [NAME…]: the guest tests, on the kernel of scripts/kernel kcsan.
# A race is a report in the log, which fails the guest; here it is checked that
# somebody has looked.

cd "$(dirname "$0")/../.." || exit 1
source scripts/test.d/tap.sh

tap_suite tests tests/vm/run "$@"
sed -n 's/^/# KCSAN: /; /_watchpoints\|races/p' /sys/kernel/debug/kcsan
watched=$(sed -n 's/^setup_watchpoints: //p' /sys/kernel/debug/kcsan)
((${watched:-0} > 1000))
tap_result $? "KCSAN has watched accesses of the module"
tap_done
