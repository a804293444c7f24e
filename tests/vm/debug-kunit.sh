#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# debug-kunit.sh MODULE: the KUnit suites as a module, inside a guest whose
# kernel has KUnit; what they said in the log, as TAP.

cd "$(dirname "$0")/../.." || exit 1
source scripts/test.d/tap.sh
modprobe kunit enable=1 || exit 1

# In the order of the log, without its times.
said()
{
	dmesg | sed -n 's/^\[[^]]*\] \?//; /^ *\(not \)\?ok /p; /^ *# Subtest: osconcepts/p; /^ *1\.\./p; /^ *# .*: EXPECTATION\|^ *# .*: ASSERTION/p'
}

insmod "$1"
tap_result $? "the KUnit suites load as a module"
suites=$(said | grep -c '^ok .* osconcepts')
tap_suite kunit said
((suites > 0)) && ! said | grep -q '^ *not ok'
tap_result $? "$suites KUnit suites passed"
rmmod osconcepts_kunit
tap_result $? "the KUnit suites unload"
tap_done
