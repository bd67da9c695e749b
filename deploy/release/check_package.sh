#!/bin/sh
# check_package.sh DEB COMMIT: looks at what the package would put where, and runs its programs from there. It is not
# installed: that would make a user on this machine.
set -eu
deb=$1 commit=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() { echo "${deb##*/}: $*" >&2; exit 1; }

dpkg-deb --contents "$deb" | awk '{print $1, $2, $6}' >"$root/listed"
while read -r mode path; do
	grep -qxF -e "$mode root/root $path" "$root/listed" || fail "not there as $mode root/root: $path"
done <<EOF
-rwxr-xr-x ./usr/bin/botgate
-rwxr-xr-x ./usr/bin/botgate-backend
-rw-r--r-- ./usr/lib/systemd/system/botgate.service
-rw-r--r-- ./usr/lib/systemd/system/botgate-backend@.service
-rw-r--r-- ./usr/lib/systemd/system/botgate-backup.service
-rw-r--r-- ./usr/lib/systemd/system/botgate-backup.timer
drwxr-x--- ./etc/botgate/
-rw-r----- ./etc/botgate/Caddyfile
-rw-r--r-- ./usr/share/doc/botgate/copyright
EOF

dpkg-deb --control "$deb" "$root/control"
[ "$(cat "$root/control/conffiles")" = /etc/botgate/Caddyfile ] || fail "the Caddyfile is no conffile"
for script in postinst prerm; do
	sh -n "$root/control/$script" || fail "$script is no shell script"
done
! grep -nE 'systemctl .*(enable|start)' "$root/control/postinst" || fail "it starts something when it is installed"

dpkg-deb --extract "$deb" "$root/files"
# What the units run, the package has.
for program in $(sed -n 's/^Exec[A-Za-z]*=\(\/usr\/bin\/[^ ]*\).*/\1/p' "$root"/files/usr/lib/systemd/system/*.service | sort -u); do
	[ -x "$root/files$program" ] || fail "a unit runs $program, which the package lacks"
	"$root/files$program" version | grep -F "$commit" || fail "$program does not say that it is of $commit"
done
