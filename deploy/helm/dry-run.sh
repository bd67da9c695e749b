#!/bin/sh
# Applies the chart to a real kube-apiserver without storing it: strict fields, custom resources, and pod-security
# "restricted". Building the server takes ten minutes the first time. Needs kubectl, openssl, curl, and apt for etcd.
set -eu
cd "$(dirname "$0")/../.."
bin=$PWD/bin
chart=deploy/helm/botgate

sh deploy/helm/tools.sh
if [ ! -x "$bin/kube-apiserver" ]; then
	echo "Building kube-apiserver; this takes ten minutes ..."
	go -C deploy/checks/apiserver build -o "$bin/kube-apiserver" .
fi
if [ ! -x "$bin/etcd" ]; then
	echo "Fetching etcd ..."
	(cd "$bin" && apt-get download -qq etcd-server 2>/dev/null && dpkg -x etcd-server_*.deb etcd.new && mv etcd.new/usr/bin/etcd etcd && rm -r etcd.new etcd-server_*.deb)
fi

work=$(mktemp -d)
pids=
# The server would wait for etcd, and nothing of either is kept.
# shellcheck disable=SC2086 # They are numbers.
finish() { [ -z "$pids" ] || { kill -9 $pids 2>/dev/null || true; wait; }; rm -rf "$work"; }
trap finish EXIT

token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "$token,check,check,system:masters" >"$work/tokens"
openssl genrsa -out "$work/accounts.key" 2048 2>/dev/null
"$bin/etcd" --data-dir "$work/etcd" --listen-client-urls http://127.0.0.1:23790 --advertise-client-urls http://127.0.0.1:23790 \
	--listen-peer-urls http://127.0.0.1:23800 >"$work/etcd.log" 2>&1 &
pids=$!
"$bin/kube-apiserver" --etcd-servers http://127.0.0.1:23790 --bind-address 127.0.0.1 --secure-port 26443 --cert-dir "$work/certs" \
	--token-auth-file "$work/tokens" --authorization-mode AlwaysAllow --service-cluster-ip-range 10.0.0.0/24 \
	--service-account-issuer https://check --service-account-key-file "$work/accounts.key" \
	--service-account-signing-key-file "$work/accounts.key" --disable-admission-plugins ServiceAccount >"$work/apiserver.log" 2>&1 &
pids="$pids $!"

k() { kubectl --kubeconfig /dev/null --server https://127.0.0.1:26443 --insecure-skip-tls-verify --token "$token" "$@"; }
tries=0
until k get --raw /readyz >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 60 ] || { tail -n 20 "$work/apiserver.log" >&2; exit 1; }
	sleep 1
done

for file in $(go -C deploy/checks run ./schemas -crds); do k apply --server-side --filename "$file" >/dev/null; done
k wait --for condition=Established crd --all --timeout 60s >/dev/null
k create namespace botgate >/dev/null
k label namespace botgate pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted >/dev/null

for set in "$chart"/ci/*-values.yaml; do
	"$bin/chart-tool" render "$chart" "$chart/ci/minimal-values.yaml" "$set" >"$work/rendered.yaml"
	k apply --namespace botgate --dry-run=server --server-side --validate=strict --filename "$work/rendered.yaml" >"$work/out" 2>&1 ||
		{ cat "$work/out" >&2; exit 1; }
	! grep -i warning "$work/out" >&2 || { echo "$set: the server warns" >&2; exit 1; }
	echo "$(basename "$set"): $(grep -c 'serverside-applied' "$work/out") objects are accepted"
done
