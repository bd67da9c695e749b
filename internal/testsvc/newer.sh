#!/bin/sh
# Unpacks the RabbitMQ, PostgreSQL, Redis and Valkey of a newer Debian than this machine's into
# a folder of the user's cache, the first time, and prints the folder: the tests take it as
# BOTGATE_TEST_ROOT, and start their servers inside it by chroot. Nothing is installed on the
# machine, and no script of a package runs. Remove the folder to get the newest packages.
set -eu
umask 022
suite=${NEWER_SUITE:-trixie}
programs="rabbitmq-server postgresql redis-server valkey-server"
# What the start scripts of those take for granted.
scripts="base-files dash coreutils sed grep"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
	echo "make test-newer: $*" >&2
	exit 1
}
[ "$(id -u)" = 0 ] || fail "needs root, because the servers are started by chroot"
for tool in apt-get dpkg-deb; do
	command -v $tool >/dev/null || fail "needs $tool, so it works on Debian and Ubuntu only"
done
[ -e $keyring ] || fail "needs the package debian-archive-keyring, to check what it downloads"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/botgate-test
root=$cache/debian-$suite
versions() {
	echo "Servers of Debian $suite, in $root:" >&2
	grep -E '^(rabbitmq-server|erlang-base|postgresql-[0-9]+|redis-server|valkey-server) ' "$root/packages" >&2
	echo "$root"
	exit 0
}
[ ! -e "$root/packages" ] || versions

echo "Unpacking servers of Debian $suite into $root; this takes a minute ..." >&2
mkdir -p "$cache"
chmod 700 "$cache" # Among the packages are setuid programs, for nobody to use.
making=$(mktemp -d "$cache/making-XXXXXX")
trap 'rm -rf "$making"' EXIT
trap 'exit 1' HUP INT TERM
new=$making/root
mkdir -p "$making/lists/partial" "$making/archives/partial" "$new"

# The machine's own mirror, where it has one of Debian.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
echo "deb [signed-by=$keyring] ${mirror:-http://deb.debian.org/debian} $suite main" >"$making/sources"
: >"$making/status"
# apt with the machine's settings, such as a proxy, but lists and packages of its own.
apt() {
	apt-get -qq -o Dir::Etc::sourcelist="$making/sources" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State::lists="$making/lists" -o Dir::State::status="$making/status" \
		-o Dir::Cache="$making" -o Dir::Cache::archives=archives -o APT::Sandbox::User=root \
		-o APT::Default-Release= -o APT::Install-Recommends=false "$@" >&2
}
apt update || fail "apt can't read $suite of ${mirror:-deb.debian.org}: another may be named by NEWER_SUITE"
# shellcheck disable=SC2086 # lists of packages
apt install --yes --download-only $programs $scripts || fail "apt can't get the packages"

unpack() {
	dpkg-deb --fsys-tarfile "$1" | tar -x -C "$new" --keep-directory-symlink \
		--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*'
}
# First the links to /usr that the paths of others go through.
unpack "$making"/archives/base-files_*.deb
for deb in "$making"/archives/*.deb; do
	unpack "$deb"
	# shellcheck disable=SC2016 # dpkg-deb's own
	dpkg-deb --show --showformat '${Package} ${Version}\n' "$deb"
done >"$making/packages"

# The rest is what the packages' scripts would do, as far as servers need it. The accounts have
# numbers that no other account of the machine has.
for account in rabbitmq:62701 postgres:62702; do
	echo "${account%:*}:x:${account#*:}:${account#*:}::/:/bin/sh" >>"$new/etc/passwd"
	echo "${account%:*}:x:${account#*:}:" >>"$new/etc/group"
done
echo "127.0.0.1 localhost" >"$new/etc/hosts"
mknod -m 666 "$new/dev/null" c 1 3 && mknod -m 666 "$new/dev/urandom" c 1 9 && true >"$new/dev/null" ||
	fail "needs device files, which $cache or this container does not allow: XDG_CACHE_HOME names another folder"
mkdir -p "$new/dev/shm"
chmod 1777 "$new/tmp" "$new/dev/shm"
chmod 755 "$new/root"
# A path below the folder is the same inside: the folder leads to itself.
mkdir -p "$new$cache"
ln -s / "$new$root"
for program in redis-server valkey-server "$(cd "$new" && echo usr/lib/postgresql/*/bin/postgres)"; do
	chroot "$new" "/usr/bin/env" PATH=/usr/bin:/ "$program" --version >/dev/null || fail "$program does not run"
done

mv "$making/packages" "$new/packages"
# Another one may have been faster.
mv -T "$new" "$root" 2>/dev/null || [ -e "$root/packages" ] || fail "can't make $root"
versions
