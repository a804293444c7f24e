# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Waiting for what happens soon, on however busy a machine.

# How long anything may take.
patience_s=60

# eventually COMMAND…: until it succeeds.
eventually()
{
	local end=$((SECONDS + patience_s))
	while ((SECONDS <= end)); do
		"$@" && return
		sleep 0.05
	done
	echo "never: $*"
	return 1
}
