#!/bin/sh
# Runs before a package is removed, and before an upgrade, which must not stop anything. Events stay in
# /var/lib/botgate, also when the package is purged.
set -eu
case "${1:-}" in remove | 0) ;; *) exit 0 ;; esac
[ -d /run/systemd/system ] || exit 0
systemctl disable --now botgate.service botgate-backup.timer || true
for unit in $(systemctl list-units --all --plain --no-legend 'botgate-backend@*' | awk '{print $1}'); do
	systemctl disable --now "$unit" || true
done
