#!/bin/sh
# A ClamAV daemon for the tests, from Debian's package, on a Unix socket only.
#
#   clamd.sh start    installs what is absent, starts it, prints its socket's path
#   clamd.sh stop     stops it and removes its data
#   clamd.sh socket   prints its socket's path
#
# Its data is in $DOCSAGA_TEST_DIR, or else in ${TMPDIR:-/tmp}/docsaga-test-<user id>.
# It knows one thing only, the EICAR test file, by signatures that are made
# here: nothing is downloaded, and it is no protection for real documents.
set -eu

dir=${DOCSAGA_TEST_DIR:-${TMPDIR:-/tmp}/docsaga-test-$(id -u)}/clamd
socket=$dir/clamd.sock

# EICAR's 68 bytes in hexadecimal, so that no scanner takes this script for it.
eicar=58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e444152442d414e544956495255532d544553542d46494c452124482b482a

install_clamd() {
	command -v clamd >/dev/null || [ -x /usr/sbin/clamd ] && return
	[ "$(id -u)" = 0 ] || { echo "clamd.sh: no clamd here, and no right to install one" >&2; exit 1; }
	apt-get update -qq >&2
	# Debian starts a daemon, and a program that fetches signatures, at once: not here.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
		trap 'rm -f "$policy"' EXIT
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends clamav-daemon >&2
}

running() {
	[ -f "$dir/clamd.pid" ] && kill -0 "$(cat "$dir/clamd.pid")" 2>/dev/null && [ -S "$socket" ]
}

start() {
	install_clamd
	if running; then
		echo "$socket"
		return
	fi
	rm -rf "$dir"
	mkdir -p "$dir/signatures" "$dir/tmp"
	# name : any kind of file : anywhere : bytes
	echo "Test.EICAR:0:*:$eicar" >"$dir/signatures/eicar.ndb"
	cat >"$dir/clamd.conf" <<-END
		LocalSocket $socket
		PidFile $dir/clamd.pid
		LogFile $dir/clamd.log
		DatabaseDirectory $dir/signatures
		TemporaryDirectory $dir/tmp
		FixStaleSocket yes
		StreamMaxLength 110M
		MaxScanSize 400M
		MaxFileSize 110M
		MaxThreads 2
		ConcurrentDatabaseReload no
		SelfCheck 0
	END
	PATH=$PATH:/usr/sbin clamd --config-file="$dir/clamd.conf" >&2 || { cat "$dir/clamd.log" >&2; exit 1; }
	tries=0
	until running; do # it answers as soon as its socket is there
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || { cat "$dir/clamd.log" >&2; exit 1; }
		sleep 0.1
	done
	echo "$socket"
}

stop() {
	if [ -f "$dir/clamd.pid" ]; then
		pid=$(cat "$dir/clamd.pid")
		kill "$pid" 2>/dev/null || true
		tries=0
		while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
			tries=$((tries + 1))
			sleep 0.1
		done
	fi
	rm -rf "$dir"
}

case ${1:-} in
start) start ;;
stop) stop ;;
socket) echo "$socket" ;;
*) echo "usage: clamd.sh start|stop|socket" >&2; exit 2 ;;
esac
