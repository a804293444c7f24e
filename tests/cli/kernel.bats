#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# scripts/kernel, the cache, scripts/deps and the doctor as a person uses them,
# with an apt of our own: neither the network nor the real cache is touched.

# What the programs of our own expand; run sets $stderr; each test is a subshell.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
bats_require_minimum_version 1.5.0

# A directory of another user, where we can make one.
given_away()
{
	((EUID == 0)) && chown -h nobody "$1"
}

setup()
{
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	vm=$top/scripts/vm
	kernel=$top/scripts/kernel
	unset OSCONCEPTS_ACCEL
}

# In $BATS_TEST_TMPDIR/bin: apt-cache knows 6.1.0-9 and, unless the file "old"
# is there, 6.1.0-10; apt-get does what the file "mode" says.
fake_apt()
{
	fake=$BATS_TEST_TMPDIR
	mkdir -p "$fake/bin" "$fake/deb/DEBIAN"
	local release
	for release in 6.1.0-9-amd64 6.1.0-10-amd64; do
		rm -rf "$fake/deb/boot" "$fake/deb/lib"
		mkdir -p "$fake/deb/boot" "$fake/deb/lib/modules/$release"
		echo "$release" >"$fake/deb/boot/vmlinuz-$release"
		touch "$fake/deb/lib/modules/$release/modules.order" "$fake/deb/lib/modules/$release/modules.builtin"
		printf 'Package: linux-image-%s\nVersion: 1\nArchitecture: amd64\nMaintainer: x <x@y>\nDescription: x\n' \
			"$release" >"$fake/deb/DEBIAN/control"
		dpkg-deb -Znone -b "$fake/deb" "$fake/linux-image-$release.deb" >/dev/null
	done
	echo 400 >"$fake/size"
	cat >"$fake/bin/apt-cache" <<EOF
#!/bin/bash
list() {
	echo 6.1.0-9-amd64
	[[ -e $fake/old ]] || echo 6.1.0-10-amd64
	printf '%s\n' 6.1.0-99-cloud-amd64 6.1.0-99-rt-amd64 6.1.0-99-amd64-unsigned
}
case \$1 in
search) list | sed 's/^/linux-image-/' | grep -E "\$3" | sed 's/\$/ - Linux/' ;;
policy) list | grep -qx "\${2#linux-image-}" && printf '%s:\n  Candidate: 1\n' "\$2" ;;
show) printf 'Size: 4096\nInstalled-Size: %s\n' "\$(cat $fake/size)" ;;
esac
EOF
	cat >"$fake/bin/apt-get" <<EOF
#!/bin/bash
spec=\${!#}
[[ \$spec != update ]] || exec rm $fake/mode
case \$(cat $fake/mode 2>/dev/null) in
gone) echo "E: Failed to fetch http://x/y.deb  404  Not Found"; exit 100 ;;
"") cp "$fake/\${spec%%=*}.deb" . ;;
cut) head -c 100 "$fake/\${spec%%=*}.deb" >x.deb; echo "E: Connection failed"; exit 100 ;;
hang) head -c 100 "$fake/\${spec%%=*}.deb" >x.deb; touch $fake/hanging; exec sleep 600 ;;
esac
EOF
	printf '#!/bin/sh\nshift\nexec "$@"\n' >"$fake/bin/sudo"
	chmod +x "$fake/bin"/*
	PATH=$fake/bin:$PATH
	export OSCONCEPTS_CACHE=$fake/cache
}

entries()
{
	(cd "$OSCONCEPTS_CACHE" && find . -mindepth 1 -maxdepth 1 -type d | sort)
}

@test "the newest stock release is resolved: not cloud, rt or unsigned" {
	fake_apt
	run "$kernel" resolve 6.1
	[ "$status" -eq 0 ]
	[ "$output" = 6.1.0-10-amd64 ]
	run "$kernel" resolve 9.9
	[ "$status" -eq 77 ]
	[[ $output == *"apt-get update"* ]]
}

@test "a cut download leaves nothing behind and says what to do" {
	fake_apt
	echo cut >"$fake/mode"
	run "$kernel" image 6.1
	[ "$status" -eq 1 ]
	[[ $output == *"Connection failed"* ]]
	[[ $output == *"try:"* ]]
	[ -z "$(entries)" ]
	rm "$fake/mode"
	run "$kernel" image 6.1
	[ "$status" -eq 0 ]
	[ "$(cat "${lines[-1]}/boot/vmlinuz-6.1.0-10-amd64")" = 6.1.0-10-amd64 ]
}

@test "what the mirror has replaced is asked for again after an update" {
	fake_apt
	echo gone >"$fake/mode"
	run "$kernel" image 6.1
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"apt-get update"* ]]
	[ "$(entries)" = "./image-6.1.0-10-amd64_1" ]
}

@test "what a killed download left is swept by the next" {
	fake_apt
	echo hang >"$fake/mode"
	setsid "$kernel" image 6.1 3>&- &
	local pid=$! tries
	for ((tries = 0; tries < 200; tries++)); do
		[[ -e $fake/hanging ]] && break
		sleep 0.05
	done
	[ -n "$(entries)" ]
	kill -KILL -- "-$pid"
	rm "$fake/mode"
	# Of another key: the sweep is for all.
	run "$kernel" image 6.1.0-9-amd64
	[ "$status" -eq 0 ]
	[ "$(entries)" = "./image-6.1.0-9-amd64_1" ]
}

@test "with no network the last fetched release is used, by all alike" {
	fake_apt
	touch "$fake/old"
	"$kernel" image 6.1
	rm "$fake/old"
	echo cut >"$fake/mode"
	# As after an apt-get update that learnt of a newer release.
	touch -d '1970-01-02' "$OSCONCEPTS_CACHE/resolved-6.1.note"
	[ "$("$kernel" resolve 6.1)" = 6.1.0-10-amd64 ]
	run "$kernel" image 6.1
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "$OSCONCEPTS_CACHE/image-6.1.0-9-amd64_1" ]
	[ "$("$kernel" resolve 6.1)" = 6.1.0-9-amd64 ]
	[ "$("$kernel" image 6.1)" = "$OSCONCEPTS_CACHE/image-6.1.0-9-amd64_1" ]
}

@test "what cannot fit is refused before it is fetched" {
	fake_apt
	echo 99999999999 >"$fake/size"
	run "$kernel" image 6.1
	[ "$status" -eq 1 ]
	[[ $output == *"MiB are needed"*OSCONCEPTS_CACHE* ]]
	[ -z "$(entries)" ]
}

@test "a disk that fills up leaves nothing behind and is named" {
	[ "$EUID" -eq 0 ] && unshare -m true 2>/dev/null || skip "mounting a small disk needs root"
	fake_apt
	dd if=/dev/urandom of="$fake/deb/boot/vmlinuz-6.1.0-10-amd64" bs=64K count=20 status=none
	dpkg-deb -Znone -b "$fake/deb" "$fake/linux-image-6.1.0-10-amd64.deb" >/dev/null
	mkdir "$OSCONCEPTS_CACHE"
	run unshare -m bash -c "mount -t tmpfs -o size=2m t '$OSCONCEPTS_CACHE' &&
		{ '$kernel' image 6.1; echo rc=\$?; find '$OSCONCEPTS_CACHE' -mindepth 1 -type d; df -k --output=used '$OSCONCEPTS_CACHE'; }"
	echo "$output"
	[[ $output == *"is full"*try:* ]]
	[[ $output == *rc=1* ]]
	[ "${lines[-1]}" -lt 64 ]
}

@test "two fetches at once make one entry" {
	fake_apt
	"$kernel" image 6.1 >"$fake/1" 2>/dev/null &
	local pid=$!
	"$kernel" image 6.1 >"$fake/2"
	wait "$pid"
	cmp "$fake/1" "$fake/2"
	[ "$(entries)" = "./image-6.1.0-10-amd64_1" ]
}

@test "clean keeps the newest of each, clean --all nothing" {
	fake_apt
	"$kernel" image 6.1.0-9-amd64
	touch -d '1 hour ago' "$OSCONCEPTS_CACHE"/image-6.1.0-9-amd64_1
	"$kernel" image 6.1.0-10-amd64
	run "$kernel" clean
	[ "$(entries)" = "./image-6.1.0-10-amd64_1" ]
	run "$kernel" clean --all
	[ -z "$(entries)" ]
}

@test "deps says what is missing, asks nothing in CI and installs just that" {
	local bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	cat >"$bin/dpkg-query" <<'EOF'
#!/bin/sh
case "$*" in *libmnl-dev) exit 1 ;; esac
printf installed
EOF
	printf '#!/bin/sh\nprintf "%%s:\n  Candidate: 1\n" "$2"\n' >"$bin/apt-cache"
	printf '#!/bin/sh\necho "apt-get $*"\nexit "${FAKE_STATUS:-0}"\n' >"$bin/apt-get"
	printf '#!/bin/sh\nshift\nexec "$@"\n' >"$bin/sudo"
	chmod +x "$bin"/*
	PATH=$bin:$PATH run "$top/scripts/deps" --check build
	[ "$status" -eq 77 ]
	[[ $output == *libmnl-dev*"scripts/deps build"* ]]
	[[ $output != *libgsl-dev* ]]
	[ -e /usr/sbin/policy-rc.d ] || [ "$EUID" -eq 0 ] || skip "needs root"
	CI=1 PATH=$bin:$PATH run "$top/scripts/deps" build
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"apt-get"*"install"*" libmnl-dev"* ]]
	# apt knows it already.
	[[ $output != *update* ]]
	FAKE_STATUS=1 CI=1 PATH=$bin:$PATH run "$top/scripts/deps" build
	[ "$status" -eq 1 ]
	[[ $output == *try:* ]]
}

@test "the doctor names what is missing and the command that mends it" {
	fake_apt
	printf '#!/bin/sh\ncase "$*" in *cpio) exit 1 ;; esac\nprintf installed\n' >"$fake/bin/dpkg-query"
	chmod +x "$fake/bin/dpkg-query"
	run "$vm" doctor
	echo "$output"
	[ "$status" -eq 77 ]
	[[ $output == *"missing  packages"*cpio*"scripts/deps vm"* ]]
	[[ $output == *"accelerator: "* ]]
	[[ $output == *"kernel 6.1: 6.1.0-10-amd64, fetched when first needed"* ]]
	[[ $output == *"kernel 6.12: apt knows none; try: "* ]]
	"$kernel" image 6.1
	run "$vm" doctor
	[[ $output == *"kernel 6.1: 6.1.0-10-amd64, in the cache"* ]]
}

@test "every package is listed once per group, with a reason" {
	run "$top/scripts/deps" --list build module vm test kunit report
	[ "$status" -eq 0 ]
	local line
	for line in "${lines[@]}"; do
		[[ $line =~ ^[a-z]+\ +[a-z0-9.+-]+\ +[^\ ].+ ]]
	done
	run "$top/scripts/deps" --check nosuchgroup
	[ "$status" -eq 2 ]
}

@test "a cache whose path has a blank serves as any other" {
	local path
	fake_apt
	export OSCONCEPTS_CACHE="$fake/a cache of\tmine"
	run -0 --separate-stderr "$kernel" image 6.1
	path=$output
	[[ $path == "$OSCONCEPTS_CACHE/image-6.1.0-10-amd64_1" && -d $path ]]
	run -0 --separate-stderr "$kernel" image 6.1
	[[ $output == "$path" ]]
	run -0 "$kernel" list
	[[ $output == *image-6.1.0-10-amd64_1 ]]
	run -0 "$kernel" clean --all
	[[ ! -e $path ]]
}

@test "what another user may change in the cache is refused, and named" {
	local entry
	fake_apt
	run -0 "$kernel" image 6.1
	entry=$OSCONCEPTS_CACHE/image-6.1.0-10-amd64_1
	refused()
	{
		run -1 --separate-stderr "$kernel" image 6.1
		[[ $stderr == *"$1 can be changed by other users"*"; try: "*OSCONCEPTS_CACHE* && -z $output ]] || {
			echo "$stderr"
			return 1
		}
	}
	chmod o+w "$entry"
	refused "$entry"
	chmod o-w "$entry"
	run -0 "$kernel" image 6.1
	mv "$entry" "$fake/elsewhere"
	ln -s "$fake/elsewhere" "$entry"
	refused "$entry"
	rm "$entry"
	mv "$fake/elsewhere" "$entry"
	chmod 777 "$OSCONCEPTS_CACHE"
	refused "the cache $OSCONCEPTS_CACHE"
	# There, each can only remove what is theirs.
	chmod 1777 "$OSCONCEPTS_CACHE"
	run -0 "$kernel" image 6.1
	if given_away "$entry"; then
		refused "$entry"
		run -1 --separate-stderr "$kernel" image 6.1
		[[ $stderr == *nobody* ]]
	fi
}

@test "a second demo in a checkout is refused, with who runs the first" {
	local copy=$BATS_TEST_TMPDIR/copy pid
	mkdir -p "$copy/build/demo"
	cp -r "$top/scripts" "$copy/"
	# It holds the lock for as long as the first step takes.
	printf '#!/bin/sh\n: >"$0.began"\nexec sleep 60\n' >"$copy/scripts/deps"
	"$copy/scripts/demo" 3>&- 2>/dev/null &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		[[ ! -e $copy/scripts/deps.began ]] || break
		sleep 0.1
	done
	run -1 "$copy/scripts/demo"
	[[ $output == *"another demo runs in this checkout (pid $pid); try again"* ]]
	pkill -P "$pid"
	wait "$pid" || true
	printf '#!/bin/sh\nexit 77\n' >"$copy/scripts/deps"
	run -77 "$copy/scripts/demo"
}

@test "make and scripts/module work in a directory with a blank" {
	local here="$BATS_TEST_TMPDIR/a b/clone" kdir
	mkdir -p "$here"
	cp -r "$top/Makefile" "$top/Kbuild" "$top/kmod" "$top/user" "$top/scripts" "$here/"
	cd "$here"
	run -0 make -n BUILD=build all
	[[ $output == *" -o build/osconcepts "* ]]
	run -0 make -n BUILD="$here/build/other" all
	[[ $output == *" -o build/other/osconcepts "* ]]
	run -2 make -n BUILD="/tmp/no such" all
	[[ $output == *'a path with a blank, "/tmp/no such"'* ]]
	# As kbuild does, this resolves the directory it is in, and has no blank.
	kdir="$BATS_TEST_TMPDIR/a cache/usr/src/linux-headers-9.9-x"
	mkdir -p "$kdir/include/generated"
	echo '#define UTS_RELEASE "9.9-x"' >"$kdir/include/generated/utsrelease.h"
	printf 'ifneq ($(words $(CURDIR) $(M)),2)\n$(error a blank: $(CURDIR), $(M))\nendif\nmodules:\n\t: >$(M)/osconcepts.ko\n' \
		>"$kdir/Makefile"
	BUILD=build run -0 scripts/module "$kdir"
	[[ $output == "$here/build/kmod/9.9-x/osconcepts.ko" && -f $output && -e ${output%/*}/Kbuild ]]
}
