#!/bin/sh
# Runs after .deb and .rpm packages are unpacked. It makes the user and the paths that the units name, and starts
# nothing: there are no secrets yet. After an upgrade the old program runs until somebody restarts it.
set -eu
getent group botgate >/dev/null || groupadd --system botgate
getent passwd botgate >/dev/null ||
	useradd --system --gid botgate --home-dir /var/lib/botgate --no-create-home --shell /usr/sbin/nologin botgate
chgrp botgate /etc/botgate /etc/botgate/Caddyfile
install -d -m 700 -o botgate -g botgate /var/lib/botgate
[ ! -d /run/systemd/system ] || systemctl daemon-reload
