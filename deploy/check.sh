#!/bin/sh
# Checks what is in this folder without a container engine, and says what is wrong.
set -eu
cd "$(dirname "$0")"

if ! command -v systemd-analyze >/dev/null 2>&1; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
		echo "deploy-check needs systemd-analyze; on Debian or Ubuntu: sudo apt-get install systemd" >&2
		exit 1
	fi
	echo "Installing systemd-analyze ..."
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd >/dev/null
fi

# The threshold is ten times the exposure level: 2.0 at most.
for unit in systemd/*.service; do
	report=$(systemd-analyze security --offline=true --no-pager --threshold=20 "$unit") || {
		echo "$report" | grep -v '^✓' >&2
		echo "deploy/$unit: more exposed than 2.0" >&2
		exit 1
	}
	echo "deploy/$unit: $(echo "$report" | tail -n 1)"
done

# Unknown options and values are on stderr, and so are programs that are not installed here.
problems=$(systemd-analyze verify --man=no systemd/*.service systemd/*.timer 2>&1 | grep '^systemd/\|^/.*systemd/' || true)
[ -z "$problems" ] || { echo "$problems" >&2; exit 1; }

sh prometheus/check.sh
sh alertmanager/check.sh
sh helm/check.sh
