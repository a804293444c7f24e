#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# osconcepts load with TLS, against nginx: what it counts is what nginx has in
# its log, whose certificate it is matters, and what goes wrong is told.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/cli/lib/serve.bash
source "$BATS_TEST_DIRNAME/lib/serve.bash"
# shellcheck source=tests/cli/lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"

# One that signed itself, and so is its own authority.
setup_file()
{
	command -v openssl >/dev/null || skip "no openssl; try scripts/deps"
	cd "$BATS_FILE_TMPDIR" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=tls.test \
		-addext subjectAltName=DNS:tls.test,IP:127.0.0.1 -keyout key.pem -out certificate.pem 2>openssl.log ||
		{ cat openssl.log; return 1; }
}

setup()
{
	servers=()
	engine=epoll
	certificate=$BATS_FILE_TMPDIR/certificate.pem
	key=$BATS_FILE_TMPDIR/key.pem
	socket=$BATS_TEST_TMPDIR/nginx.sock
	log=$BATS_TEST_TMPDIR/access.log
}

teardown()
{
	end_servers
}

# Sets $url, of a TCP port; $socket has the same, for any host. A line of $log is
# a request: name asked for, number of the connection, request of it, protocol.
secure_server()
{
	command -v nginx >/dev/null || skip "no nginx; try scripts/deps"
	local dir=$BATS_TEST_TMPDIR
	port=$(/usr/bin/python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
	url=https://127.0.0.1:$port
	mkdir "$dir/www"
	head -c 1000000 /dev/zero >"$dir/www/million"
	echo hello >"$dir/www/index.html"
	cat >"$dir/nginx.conf" <<-CONF
		daemon off; master_process off; pid $dir/nginx.pid;
		error_log $dir/nginx.log info;
		events { worker_connections 2000; }
		http {
			log_format tls '\$ssl_server_name \$connection \$connection_requests \$ssl_protocol';
			access_log $log tls;
			keepalive_requests 1000000; client_max_body_size 0; root $dir/www;
			client_body_temp_path $dir/b; proxy_temp_path $dir/p;
			fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
			server {
				listen 127.0.0.1:$port ssl; listen unix:$socket ssl;
				ssl_certificate $certificate; ssl_certificate_key $key;
				location /ok { return 200 ok; }
			}
		}
	CONF
	nginx -c "$dir/nginx.conf" 3>&- 2>"$dir/nginx.err" &
	servers+=($!)
	eventually test -S "$socket" || { cat "$dir/nginx.err"; return 1; }
}

# logged REQUESTS CONNECTIONS: so many are in nginx's log since the last time.
logged()
{
	local requests connections
	# A request is logged when its answer has left.
	eventually has_lines "$1"
	requests=$(wc -l <"$log")
	connections=$(awk '{ print $2 }' "$log" | sort -u | wc -l)
	[[ $requests == "$1" && $connections == "$2" ]] ||
		{ echo "nginx had $requests requests on $connections connections, not $1 on $2"; return 1; }
	: >"$log"
}

has_lines()
{
	(($(wc -l <"$log") >= $1))
}

# refused WHY ARGUMENTS: nobody is let in, for that reason.
refused()
{
	local why=$1
	shift
	run -1 timeout 100 "$osconcepts" load --engine "$engine" "$@" -n 10 -c 2
	[[ $output == *": $why; "* ]] || { echo "$output"; return 1; }
}

@test "each engine makes what was asked for, kept, short, pipelined, open and long" {
	secure_server
	head -c 300000 /dev/zero >"$BATS_TEST_TMPDIR/body"
	for engine in $(engines); do
		load "$url/ok" --cacert "$certificate" -n 500 -c 20 -t 2
		is '[.url, .requests, .errors]' "[\"$url/ok\",500,{}]"
		valid load "$json"
		logged 500 "$(jq .connections_opened "$json")"
		# Many sessions, on few connections at once.
		load "$url/ok" --cacert "$certificate" -n 100 -c 10 -k 1
		is '[.requests, .connections_opened, .errors]' '[100,100,{}]'
		logged 100 100
		load "$url/ok" --cacert "$certificate" -n 500 -c 3 -p 8 -k 99
		is '[.requests, .errors]' '[500,{}]'
		logged 500 "$(jq .connections_opened "$json")"
		load "$url/million" --cacert "$certificate" -n 20 -c 4 -p 2
		is '[.requests, .errors, .bytes > 20000000, .bytes < 20010000]' '[20,{},true,true]'
		: >"$log"
		# More than the socket takes at once; also at the end, with its close.
		load "$url/ok" --cacert "$certificate" -n 40 -c 4 -p 3 -k 5 --body "@$BATS_TEST_TMPDIR/body"
		is '[.requests, .errors]' '[40,{}]'
		logged 40 "$(jq .connections_opened "$json")"
		load "$url/ok" "$url/nowhere" --cacert "$certificate" -n 400 -c 4 -t 2 -r 20000 --arrival poisson --weights 3,1
		is '[.requests, .unsent, .urls[1].errors]' '[400,0,{"status.404":100}]'
		: >"$log"
		# Those that are asked nothing have shaken hands, and are held.
		load --unix "$socket" https://tls.test/ --cacert "$certificate" --idle 40 -d 200ms
		is '[.held, .errors]' '[40,{}]'
		is '.connect_us.p50 > 0' true
	done
}

@test "a certificate is taken from whom it names, by an authority that is trusted" {
	secure_server
	for engine in $(engines); do
		: >"$log"
		refused certificate.self-signed-certificate "$url/ok"
		[[ $output == *"--cacert"* ]]
		refused certificate.hostname-mismatch --unix "$socket" https://other.test/ok --cacert "$certificate"
		refused certificate.IP-address-mismatch --unix "$socket" https://127.0.0.2/ok --cacert "$certificate"
		[[ ! -s $log ]]
		load --unix "$socket" https://tls.test/ok --cacert "$certificate" -n 10 -c 2
		is .requests 10
		[[ $(awk '{ print $1 }' "$log" | sort -u) == tls.test ]]
		: >"$log"
		# The name of the first goes for all; a request has its own.
		load --unix "$socket" https://tls.test/ok https://other.test/ok --cacert "$certificate" -n 10 -c 2
		is '[.requests, .errors]' '[10,{}]'
		[[ $(awk '{ print $1 }' "$log" | sort -u) == tls.test ]]
		: >"$log"
		load --unix "$socket" https://other.test/ok --cacert "$certificate" --servername tls.test -n 10 -c 2
		is .requests 10
		[[ $(awk '{ print $1 }' "$log" | sort -u) == tls.test ]]
		: >"$log"
		# The dot of a name from the root is not the certificate's.
		load --unix "$socket" https://tls.test./ok --cacert "$certificate" -n 10 -c 2
		is '[.requests, .errors]' '[10,{}]'
		[[ $(awk '{ print $1 }' "$log" | sort -u) == tls.test ]]
		: >"$log"
		load --unix "$socket" https://other.test/ok --insecure -n 10 -c 2
		is '[.requests, .errors]' '[10,{}]'
		[[ $(awk '{ print $1 }' "$log" | sort -u) == other.test ]]
	done
}

@test "nginx hears why its certificate is not taken" {
	secure_server
	refused certificate.self-signed-certificate "$url/ok"
	eventually grep -q "alert unknown ca" "$BATS_TEST_TMPDIR/nginx.log"
}

@test "who speaks no TLS, hangs up, is silent or resets is told apart" {
	for engine in $(engines); do
		start epoll
		refused tls.wrong-version-number "https://127.0.0.1:$port/" --insecure
		[[ $output == *"try http://"* ]]
		stop
		faulty_server hang-up
		refused tls.closed "https://127.0.0.1:$port/" --insecure
		faulty_server silent
		refused timeout.tls "https://127.0.0.1:$port/" --insecure --timeout 200ms
		[[ $output == *"the TLS handshake did not end within --timeout"* ]]
		faulty_server reset
		refused read.ECONNRESET "https://127.0.0.1:$port/" --insecure
	done
}

@test "a handshake that fails is an error beside the answers of the others" {
	for engine in $(engines); do
		faulty_server half "$certificate" "$key"
		load "https://127.0.0.1:$port/" --cacert "$certificate" -n 10 -c 1 -k 1
		((status == 4))
		is '[.requests, .connections_opened]' '[10,10]'
		is '.errors | keys' '["tls.closed"]'
		is '.errors["tls.closed"] >= 9' true
		is '.error_details[0].hint | contains("in the handshake")' true
		valid load "$json"
	done
}

@test "options of TLS that cannot be are told" {
	local args
	for args in "http://a/ --insecure" "http://a/ --cacert x" "http://a/ --servername x" \
		"https://a/ --insecure --cacert x" "https://a/ http://a:443/" "https://a/ http://b/ --unix x"; do
		# shellcheck disable=SC2086
		run -2 "$osconcepts" load -n 1 $args
		[[ $output == *https* || $output == *--cacert* ]]
	done
	for args in "" " " "a b" $'a\x01'; do
		run -2 "$osconcepts" load -n 1 https://127.0.0.1:1/ --insecure --servername "$args"
		[[ $output == *"another --servername"* ]]
	done
	run -1 "$osconcepts" load -n 1 https://127.0.0.1:1/ --cacert "$BATS_TEST_TMPDIR/none"
	[[ $output == *"cannot read $BATS_TEST_TMPDIR/none: No such file"* ]]
	run -1 "$osconcepts" load -n 1 https://127.0.0.1:1/ --cacert "$key"
	[[ $output == *"no certificate in $key; try"* ]]
}

# without_library FILE ARGUMENTS: a load where FILE is in the library's place.
without_library()
{
	# shellcheck disable=SC2016
	unshare "${private[@]}" sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh \
		"$1" "$library" "$osconcepts" load -n 10 -c 1 "${@:2}"
}

@test "the library is needed for https and for nothing else" {
	local private=(--mount) library
	((UID == 0)) || private+=(--map-root-user)
	unshare "${private[@]}" true || skip "no mount namespace"
	library=$(realpath "$(ldconfig -p | awk '/libssl\.so\.3 .*x86-64/ { print $NF; exit }')")
	run -0 ldd "$osconcepts"
	[[ $output != *libssl* && $output != *libcrypto* ]]
	start epoll
	run -77 without_library /dev/null "https://127.0.0.1:$port/"
	[[ $output == *"https needs OpenSSL: "*"file too short; try apt-get install libssl3"* ]]
	# One that is there and is another.
	run -77 without_library "$(realpath "$(ldconfig -p | awk '/libz\.so\.1 .*x86-64/ { print $NF; exit }')")" \
		"https://127.0.0.1:$port/"
	[[ $output == *"has no TLS_client_method; try apt-get install libssl3"* ]]
	without_library /dev/null "$url/" --json >"$BATS_TEST_TMPDIR/plain.json" || (($? == 4))
	json=$BATS_TEST_TMPDIR/plain.json
	is '[.requests, .errors]' '[10,{}]'
	stop
}
