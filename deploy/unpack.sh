#!/bin/sh
# unpack.sh PACKAGE PROGRAM: prints the folder that has the program. Where it is not installed, Debian's package is
# unpacked into bin/PACKAGE: no service is installed or started.
set -eu
package=$1 program=$2
if command -v "$program" >/dev/null 2>&1; then
	dirname "$(command -v "$program")"
	exit
fi
root=$(cd "$(dirname "$0")/.." && pwd)/bin/$package
if [ ! -x "$root/usr/bin/$program" ]; then
	command -v apt-get >/dev/null 2>&1 || {
		echo "deploy-check needs $program in PATH; Debian and Ubuntu have it in the package $package" >&2
		exit 1
	}
	# One at a time: tests ask for the same package side by side.
	mkdir -p "$root"
	exec 9>"$root/lock"
	flock 9
fi
if [ ! -x "$root/usr/bin/$program" ]; then
	echo "Unpacking Debian's package $package into bin/$package ..." >&2
	[ "$(id -u)" != 0 ] || apt-get update -qq >&2
	cd "$root"
	# As root, apt would fetch as a user who may not write here, and warns of it.
	apt-get -o APT::Sandbox::User=root download -qq "$package" >&2
	for archive in *.deb; do dpkg -x "$archive" .; done
	# Its examples in Go would be linted and built with "./...".
	rm -rf ./*.deb usr/share/doc
fi
echo "$root/usr/bin"
