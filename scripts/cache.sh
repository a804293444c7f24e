# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The cache outside the checkout: kernels, headers, sources, initramfs images,
# built test kernels. Sourced, not run.
#
#   source "$(dirname "$0")/cache.sh"
#   dir=$(cache_get KEY BUILDER ARGS…) || exit
#
# cache_get prints the directory of the entry KEY. When there is none, it calls
# BUILDER ARGS… DIR, which fills the empty directory DIR or fails. An entry is
# seen whole or not at all: it is built beside its place under a lock of its
# own, synced to the disk, then renamed. A killed build leaves only KEY.tmp,
# which the next cache_get of any key sweeps away. KEY holds the version of
# what is in it: an entry never changes once it is there.
#
# Functions return 1 after printing what failed, why and what to try.

cache_root()
{
	printf '%s\n' "${OSCONCEPTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/osconcepts}"
}

cache_error()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Free space of the cache's file system, in KiB.
cache_free_kib()
{
	df --output=avail -k "$(cache_root)" | tail -n 1 | tr -d ' '
}

# cache_need KIB WHAT: refuse to start what cannot fit.
cache_need()
{
	local need=$1 what=$2 free
	free=$(cache_free_kib) || return 1
	((free >= need)) && return 0
	cache_error "$what: $((need / 1024)) MiB are needed in $(cache_root)," \
		"$((free / 1024)) MiB are free; try: make room, or set OSCONCEPTS_CACHE to a directory on a larger disk"
	return 1
}

# Remove what killed builds left. A lock that can be taken has no builder.
cache_sweep()
{
	local root=$1 tmp lock
	for tmp in "$root"/*.tmp; do
		[[ -d $tmp ]] || continue
		exec {lock}>"${tmp%.tmp}.lock" || continue
		flock -n "$lock" && rm -rf "$tmp"
		exec {lock}>&-
	done
}

# Build KEY with its lock held in descriptor $lock.
cache_build()
{
	local root=$1 key=$2
	shift 2
	local tmp=$root/$key.tmp
	rm -rf "$tmp" && mkdir "$tmp" || return 1
	# Unpacking may have set the time of the directory: it is that of the entry.
	if "$@" "$tmp" >&2 && touch "$tmp" && sync -f "$tmp" && mv -T "$tmp" "$root/$key"; then
		return 0
	fi
	if (($(cache_free_kib) < 1024)); then
		cache_error "$key: the disk of $root is full; try: make room," \
			"or set OSCONCEPTS_CACHE to a directory on a larger disk"
	fi
	rm -rf "$tmp"
	return 1
}

cache_get()
{
	local key=$1 root lock rc
	root=$(cache_root)
	if [[ -d $root/$key ]]; then
		printf '%s\n' "$root/$key"
		return 0
	fi
	if ! mkdir -p "$root" || [[ ! -w $root ]]; then
		cache_error "cannot write the cache $root; try: set OSCONCEPTS_CACHE to a writable directory"
		return 1
	fi
	exec {lock}>"$root/$key.lock" || return 1
	if ! flock -n "$lock"; then
		cache_error "$key: another run is making it; waiting"
		flock "$lock" || return 1
	fi
	# The run that held the lock may have made it.
	if [[ ! -d $root/$key ]]; then
		cache_sweep "$root"
		cache_build "$root" "$@"
		rc=$?
	else
		rc=0
	fi
	exec {lock}>&-
	((rc == 0)) && printf '%s\n' "$root/$key"
	return "$rc"
}

# cache_note NAME [TEXT]: a small remembered text; with TEXT replace it at once.
cache_note()
{
	local root tmp
	root=$(cache_root)
	if (($# == 1)); then
		cat "$root/$1.note" 2>/dev/null
		return
	fi
	mkdir -p "$root" && tmp=$(mktemp "$root/$1.note.XXXXXX") || return 1
	if printf '%s\n' "$2" >"$tmp" && mv "$tmp" "$root/$1.note"; then
		return 0
	fi
	rm -f "$tmp"
	return 1
}
