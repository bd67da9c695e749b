#!/bin/sh
# Makes the secrets of compose.yaml in the folder secrets. What is there already is left as it is.
set -eu
cd "$(dirname "$0")"

# Each container has a user of its own, so the files are readable, and the folder around them is not.
mkdir -p secrets/botgate
chmod 700 secrets
chmod 755 secrets/botgate
umask 022

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

[ -e secrets/rabbitmq_password ] || random > secrets/rabbitmq_password
printf 'default_user = botgate\ndefault_pass = %s\n' "$(cat secrets/rabbitmq_password)" > secrets/rabbitmq_user.conf
[ -e secrets/postgres_password ] || random > secrets/postgres_password
printf '*:*:*:botgate:%s\n' "$(cat secrets/postgres_password)" > secrets/pgpass

# Botgate's own, by the image, or by the program that BOTGATE names.
botgate() {
	if [ -n "${BOTGATE:-}" ]; then
		"$BOTGATE" "$@"
	else
		docker compose run --rm --user "$(id -u):$(id -g)" init "$@"
	fi
}
data=/secrets
[ -z "${BOTGATE:-}" ] || data=secrets/botgate
botgate init --data "$data"
# The bot that the service "smoke" is while it runs. Nobody else sends it anything.
grep -q '"canary"' secrets/botgate/bots.json ||
	botgate bot add canary --data "$data" --url http://smoke:9090/events --allow-private --give-up-after 1m
chmod 644 secrets/botgate/*
