#!/bin/sh
# A PostgreSQL server for the tests, from Debian's package, on loopback only.
#
#   postgres.sh start   installs what is absent, starts it, prints its URL
#   postgres.sh stop    stops it and removes its data
#   postgres.sh url     prints its URL
#
# Its data is in $DOCSAGA_TEST_DIR, or else in ${TMPDIR:-/tmp}/docsaga-test-<user id>.
# The port is $DOCSAGA_TEST_POSTGRES_PORT, or else 54329. It trusts everybody on this
# machine and does not write to disk with care: use it for tests only. What
# $DOCSAGA_TEST_POSTGRES_OPTIONS adds, such as "-c fsync=on", prevails; ALTER SYSTEM
# cannot change what stands on the command line.
set -eu

dir=${DOCSAGA_TEST_DIR:-${TMPDIR:-/tmp}/docsaga-test-$(id -u)}/postgres
port=${DOCSAGA_TEST_POSTGRES_PORT:-54329}
url="postgres://docsaga@127.0.0.1:$port/docsaga?sslmode=disable"

# bin prints the directory of the newest installed server.
bin() {
	ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -V | tail -n 1
}

# server runs a command as a user that the server accepts: it refuses root.
server() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups "$@"
	else
		"$@"
	fi
}

install_server() {
	[ -n "$(bin)" ] && return
	[ "$(id -u)" = 0 ] || { echo "postgres.sh: no PostgreSQL server here, and no right to install one" >&2; exit 1; }
	apt-get update -qq >&2
	# No cluster of Debian's own: it would listen on the usual port.
	mkdir -p /etc/postgresql-common
	[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
}

start() {
	install_server
	bin=$(bin)
	if [ -f "$dir/data/postmaster.pid" ] && server "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; then
		echo "$url"
		return
	fi
	rm -rf "$dir"
	mkdir -p "$dir"
	chmod 711 "$(dirname "$dir")"
	[ "$(id -u)" != 0 ] || chown postgres:postgres "$dir"
	cd "$dir"
	server "$bin/initdb" -D "$dir/data" -U docsaga -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" || { cat "$dir/initdb.log" >&2; exit 1; }
	server "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 \
		-o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c shared_buffers=32MB ${DOCSAGA_TEST_POSTGRES_OPTIONS:-}" \
		start >&2 || { cat "$dir/server.log" >&2; exit 1; }
	server "$bin/createdb" -h 127.0.0.1 -p "$port" -U docsaga docsaga
	echo "$url"
}

stop() {
	bin=$(bin)
	if [ -f "$dir/data/postmaster.pid" ]; then
		cd "$dir"
		server "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >&2
	fi
	cd /
	rm -rf "$dir"
}

case ${1:-} in
start) start ;;
stop) stop ;;
url) echo "$url" ;;
*) echo "usage: postgres.sh start|stop|url" >&2; exit 2 ;;
esac
