#!/bin/sh
# Prints the folder with promtool. Where that is not installed, Debian's package is unpacked into
# bin/prometheus: no service is installed or started.
set -eu
if command -v promtool >/dev/null 2>&1; then
	dirname "$(command -v promtool)"
	exit
fi
root=$(cd "$(dirname "$0")/../.." && pwd)/bin/prometheus
if [ ! -x "$root/usr/bin/promtool" ]; then
	command -v apt-get >/dev/null 2>&1 || {
		echo "deploy-check needs promtool in PATH; Debian and Ubuntu have it in the package prometheus" >&2
		exit 1
	}
	echo "Unpacking Debian's package prometheus into bin/prometheus ..." >&2
	[ "$(id -u)" != 0 ] || apt-get update -qq >&2
	mkdir -p "$root" && cd "$root"
	apt-get download -qq prometheus >&2
	for package in *.deb; do dpkg -x "$package" .; done
	rm -f ./*.deb
fi
echo "$root/usr/bin"
