#!/bin/sh
# Checks the example by amtool: that Alertmanager takes it, and where each severity goes.
set -eu
cd "$(dirname "$0")"
amtool=$(sh ../unpack.sh prometheus-alertmanager amtool)/amtool
"$amtool" check-config alertmanager.yml >/dev/null
route() { # receiver, labels of an alert
	receiver=$1
	shift
	"$amtool" config routes test --config.file=alertmanager.yml --verify.receivers="$receiver" "$@" >/dev/null 2>&1 || {
		echo "deploy/alertmanager: $* does not go to $receiver" >&2
		exit 1
	}
}
route urgent alertname=NotAccepting severity=critical
route team alertname=Backlog severity=warning
route daily alertname=JobsFail severity=info
route watchdog alertname=Watchdog severity=none
route urgent alertname=Unplanned severity=page
echo "deploy/alertmanager: four severities reach their receivers, and any other the urgent one"
