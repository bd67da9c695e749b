#!/bin/sh
# install_check.sh [DEB]: installs the package, or builds one for this machine first, into a Debian of its own, in a
# temporary folder, and runs, upgrades and removes it there. As root on Debian.
set -eu
deb=${1:+$(realpath "$1")}
cd "$(dirname "$0")/../.."
command -v debootstrap >/dev/null 2>&1 || {
	echo "Installing debootstrap ..."
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
}
work=$(mktemp -d)
root=$work/root
pid=
finish() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	umount "$root/proc" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap finish EXIT
fail() { echo "install-check: $*" >&2; exit 1; }

build() { # Sets deb.
	sh deploy/release/tools.sh goreleaser
	echo "Building the package ..."
	sed -e 's/^    goos: .*/    goos: [linux]/' -e "s/^    goarch: .*/    goarch: [$(go env GOARCH)]/" .goreleaser.yaml >"$work/goreleaser.yaml"
	echo "dist: $work/dist" >>"$work/goreleaser.yaml"
	bin/goreleaser release --config "$work/goreleaser.yaml" --snapshot --skip=publish,sign,sbom,archive >"$work/log" 2>&1 ||
		{ tail -n 20 "$work/log" >&2 && fail "there is no package"; }
	deb=$(ls "$work"/dist/*.deb)
}

[ -n "$deb" ] || build
echo "Making a Debian ..."
debootstrap --variant=minbase --include=systemd bookworm "$root" >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2 && fail "debootstrap failed"; }
mount -t proc proc "$root/proc"
echo '127.0.0.1 localhost' >"$root/etc/hosts"
cp "$deb" "$root/botgate.deb"

is() { # is MODE OWNER:GROUP PATH
	found=$(chroot "$root" stat -c '%a %U:%G' "$3") || fail "$3 is not there"
	[ "$found" = "$1 $2" ] || fail "$3 is $found, not $1 $2"
}
# unit NAME FIELD: what the field of a unit says, for a shell.
unit() { sed -n "s/^$2=//p" "$root/usr/lib/systemd/system/$1" | sed -e 's/%%/%/g' -e 's/\$\$/$/g'; }
# as_unit NAME COMMAND: runs a command as the unit does; settings of the machine at hand come after its own.
as_unit() {
	folder=$(unit "$1" WorkingDirectory)
	exec chroot --userspec="$(unit "$1" User):$(unit "$1" Group)" "$root" /usr/bin/env -i PATH=/usr/bin:/bin \
		$(unit "$1" Environment) BOTGATE_HTTP_PORT=18080 BOTGATE_METRICS_PORT=19180 BOTGATE_ADMIN=localhost:12019 \
		BOTGATE_API_LISTEN=127.0.0.1:18081 BOTGATE_API_UPSTREAM=127.0.0.1:18081 sh -c "umask $(unit "$1" UMask); cd $folder; $2"
}

install_it() { chroot "$root" dpkg --install /botgate.deb >"$work/log" 2>&1 || { cat "$work/log" >&2 && fail "it can't be installed"; }; }
install_it
is 700 botgate:botgate /var/lib/botgate
is 750 root:botgate /etc/botgate
is 640 root:botgate /etc/botgate/Caddyfile
chroot "$root" getent passwd botgate | grep -q ':/usr/sbin/nologin$' || fail "the user may log in"
for file in "$root"/usr/lib/systemd/system/botgate*; do
	name=${file##*/}
	problems=$(chroot "$root" systemd-analyze verify --man=no "$(echo "$name" | sed 's/@/@record/')" 2>&1 | grep botgate || true)
	[ -z "$problems" ] || fail "$problems"
	[ -z "$(find "$root/etc/systemd/system" -name "$name")" ] || fail "$name is enabled"
done
echo "installed: users, paths and units are there, and nothing was started"

gateway=botgate.service backup=botgate-backup.service
(as_unit $gateway '/usr/bin/botgate init') >"$work/log" 2>&1 || { cat "$work/log" >&2 && fail "init does not run as the unit's user"; }
as_unit $gateway "exec $(unit $gateway ExecStart)" >"$work/gateway.log" 2>&1 &
pid=$!
tries=0
until (as_unit $gateway '/usr/bin/botgate health') >"$work/log" 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 60 ] && kill -0 "$pid" || { cat "$work/log" "$work/gateway.log" >&2 && fail "the gateway is not ready"; }
	sleep 1
done
# Its folder is what StateDirectory of the unit makes.
install -d -m 700 "$root/var/lib/botgate-backup"
chroot "$root" chown botgate:botgate /var/lib/botgate-backup
(as_unit $backup "$(unit $backup ExecStart) && $(unit $backup ExecStartPost)") >"$work/log" 2>&1 || { cat "$work/log" >&2 && fail "the backup fails"; }
[ "$(ls "$root"/var/lib/botgate-backup/*/queue.db | wc -l)" = 1 ] || fail "there is no backup"
echo "the gateway runs as its unit has it, and its files are backed up"

echo '# mine' >>"$root/etc/botgate/Caddyfile"
install_it
kill -0 "$pid" || fail "an upgrade stops the gateway"
grep -q '^# mine$' "$root/etc/botgate/Caddyfile" || fail "an upgrade overwrites the Caddyfile"
kill "$pid"
wait "$pid" || { tail -n 5 "$work/gateway.log" >&2 && fail "the gateway did not end well"; }
pid=
chroot "$root" dpkg --purge botgate >"$work/log" 2>&1 || { cat "$work/log" >&2 && fail "it can't be removed"; }
[ ! -e "$root/usr/bin/botgate" ] || fail "something is left"
is 600 botgate:botgate /var/lib/botgate/queue.db
echo "upgraded and purged: what is the operator's stays"
