#!/bin/sh
# Installs what the tests need and lacks: on Debian as root by apt-get, elsewhere it says what
# to install. Services whose address is given in the environment are not needed here.
set -eu
missing=
need() { # need <package> <address variable> <command...>
	package=$1 address=$2
	shift 2
	[ -z "$address" ] || return 0
	for command in "$@"; do
		# shellcheck disable=SC2086 # patterns are meant to expand
		if command -v "$command" >/dev/null 2>&1 || ls $command >/dev/null 2>&1; then return 0; fi
	done
	missing="$missing $package"
}
need redis-server "${BOTGATE_TEST_REDIS_URL:-}" redis-server
need rabbitmq-server "${BOTGATE_TEST_AMQP_URL:-}" /usr/lib/rabbitmq/bin/rabbitmq-server
need postgresql "${BOTGATE_TEST_POSTGRES_URL:-}" '/usr/lib/postgresql/*/bin/initdb' initdb
need "gcc libc6-dev" "" gcc # the race detector needs cgo
need nodejs "" node
need npm "" npm
need python3 "" python3 # the SDK for bots in Python
need curl "" curl
need chromium "" chromium # the console is tested in a browser
need fonts-dejavu-core "" /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "Installing for the tests:$missing"
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of packages
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
	exit 0
fi
cat >&2 <<EOF
The tests need:$missing
On Debian or Ubuntu:  sudo apt-get install --no-install-recommends$missing
Or give the addresses of running services: BOTGATE_TEST_REDIS_URL, BOTGATE_TEST_AMQP_URL, BOTGATE_TEST_POSTGRES_URL.
EOF
exit 1
