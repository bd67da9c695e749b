#!/bin/sh
# Builds both images and runs them as a hardened cluster would: as user 65532 without any capability, with a root that
# can't be written. It needs root on Debian, and no registry: the image to build in is made from this machine's Go.
set -eu
cd "$(dirname "$0")/../.."

for tool in buildah runc debootstrap jq curl; do
	command -v "$tool" >/dev/null 2>&1 || missing="${missing:-} $tool"
done
if [ -n "${missing:-}" ]; then
	echo "Installing$missing ..."
	apt-get update -qq
	# shellcheck disable=SC2086 # They are words.
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

work=$(mktemp -d)
containers=
finish() {
	for c in $containers; do runc delete --force "$c" 2>/dev/null || true; done
	rm -rf "$work"
}
trap finish EXIT

in_store() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

fail() { echo "image-check: $*" >&2; exit 1; }

make_go_image() {
	echo "Making an image with $(go env GOVERSION) ..."
	debootstrap --variant=minbase --include=ca-certificates,make bookworm "$work/base" >"$work/debootstrap.log" 2>&1 ||
		{ tail -n 5 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
	cp -a "$(go env GOROOT)" "$work/base/usr/local/go"
	# Whom this machine trusts, the build has to trust as well.
	cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
	c=$(in_store from scratch)
	in_store add --quiet "$c" "$work/base" / >/dev/null
	in_store config --env PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		--env GOPROXY="$(go env GOPROXY)" --env GOSUMDB="$(go env GOSUMDB)" --env GOFLAGS=-buildvcs=false \
		--env GOMODCACHE=/cache/mod --env GOCACHE=/cache/build "$c"
	in_store commit --quiet --rm "$c" localhost/go >/dev/null
	rm -rf "$work/base"
}

# build TARGET: this machine's caches are used in place of those that the Dockerfile mounts.
build() {
	echo "Building the image $1 ..."
	in_store bud --isolation chroot --format docker --layers --ignorefile deploy/docker/Dockerfile.dockerignore \
		--volume "$(go env GOMODCACHE):/cache/mod" --volume "$(go env GOCACHE):/cache/build" \
		--build-arg GO_IMAGE=localhost/go --build-arg VERSION=check --build-arg COMMIT=0123456789ab \
		--file deploy/docker/Dockerfile --target "$1" --tag "botgate/$1" . >"$work/$1.log" 2>&1 ||
		{ tail -n 20 "$work/$1.log" >&2; fail "the image $1 can't be built"; }
	in_store inspect --type image "botgate/$1" | jq .Docker.config >"$work/$1.json"
	bundle "$1"
}

# bundle TARGET: what runc needs; user, environment and command are those of the image.
bundle() {
	mkdir -p "$work/$1"
	cp -a "$(in_store mount "$(in_store from "botgate/$1")")" "$work/$1/rootfs"
	(cd "$work/$1" && runc spec)
	jq --slurpfile image "$work/$1.json" --arg data "$work/data" --arg rootfs "$work/$1/rootfs" '
		$image[0] as $i | .process.terminal = false | .process.noNewPrivileges = true
		| .process.user = ($i.User | split(":") | {uid: (.[0] | tonumber), gid: (.[1] | tonumber)})
		| .process.env = $i.Env | .process.cwd = $i.WorkingDir | .process.args = $i.Entrypoint + ($i.Cmd // [])
		| .process.capabilities = {bounding: [], effective: [], permitted: []} | .process.rlimits = []
		| .root = {path: $rootfs, readonly: true} | .linux.namespaces -= [{type: "network"}]
		| .mounts += [{destination: "/data", type: "bind", source: $data, options: ["bind", "rw", "nosuid", "nodev", "noexec"]}]
		# As every engine does.
		| .mounts += [{destination: "/etc/hosts", type: "bind", source: "/etc/hosts", options: ["bind", "ro"]}]
	' "$work/$1/config.json" >"$work/$1/new.json"
	mv "$work/$1/new.json" "$work/$1/config.json"
}

# start TARGET NAME ENV...: in the background; its log is NAME.log.
start() {
	target=$1 name=$2
	shift 2
	jq '.process.env += $ARGS.positional' --args "$@" <"$work/$target/config.json" >"$work/$target/new.json"
	mv "$work/$target/new.json" "$work/$target/config.json"
	containers="$containers $name"
	runc run --bundle "$work/$target" "$name" >"$work/$name.log" 2>&1 &
	eval "pid_$target=$!"
}

# healthy TARGET NAME: by the image's own check, within a minute.
healthy() {
	jq -r '.Healthcheck.Test[1:][]' "$work/$1.json" >"$work/health"
	[ -s "$work/health" ] || fail "the image $1 has no health check"
	tries=0
	until xargs -d '\n' runc exec "$2" <"$work/health" >"$work/answer" 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 60 ] || { tail -n 5 "$work/answer" "$work/$2.log" >&2; fail "$2 is not healthy"; }
		sleep 1
	done
	echo "$2: healthy: $(cat "$work/answer")"
}

# examine TARGET BINARY: what an image has to be.
examine() {
	[ "$(jq -r .User "$work/$1.json")" = 65532:65532 ] || fail "$1 has another user"
	[ "$(jq -r .StopSignal "$work/$1.json")" = SIGTERM ] || fail "$1 has another stop signal"
	[ "$(jq -r '.Labels["org.opencontainers.image.version"]' "$work/$1.json")" = check ] || fail "$1 has no label of its version"
	[ -z "$(find "$work/$1/rootfs" -xdev -perm /6000)" ] || fail "$1 has files that change the user"
	go version -m "$work/$1/rootfs/usr/bin/$2" | grep -q CGO_ENABLED=0 || fail "$2 is not static"
	"$work/$1/rootfs/usr/bin/$2" version | grep -q 'check (commit 0123456789ab)' || fail "$2 does not know its version"
	echo "$1: $(find "$work/$1/rootfs" -xdev -type f | wc -l) files, $(du -sm "$work/$1/rootfs" | cut -f1) MB"
}

mkdir -m 700 "$work/data"
chown 65532:65532 "$work/data"
suffix=$$
make_go_image
build gateway
build backend
examine gateway botgate
examine backend botgate-backend

echo "Running them ..."
mkdir "$work/init"
jq '.process.args = ["/usr/bin/botgate", "init"]' "$work/gateway/config.json" >"$work/init/config.json"
runc run --bundle "$work/init" "init-$suffix" >/dev/null
start gateway "gateway-$suffix" BOTGATE_ROLES=none BOTGATE_HTTP_PORT=18080 BOTGATE_ADMIN=localhost:12019 BOTGATE_API_UPSTREAM=127.0.0.1:18081 \
	BOTGATE_METRICS_BIND=0.0.0.0 BOTGATE_METRICS_PORT=19180
healthy gateway "gateway-$suffix"
start backend "backend-$suffix" BOTGATE_LISTEN=127.0.0.1:18081
healthy backend "backend-$suffix"

token=$(runc exec "gateway-$suffix" /usr/bin/botgate token)
id=$(curl -sS --fail-with-body http://127.0.0.1:18080/v1/bots/demo/commands -H "Authorization: Bearer $token" \
	-H 'Content-Type: application/json' -d '{"command":"/hello","text":"Hello, bot"}' | jq -r .id)
curl -sS --fail-with-body --retry 30 --retry-delay 1 --retry-all-errors "http://127.0.0.1:18080/v1/events/$id" \
	-H "Authorization: Bearer $token" 2>/dev/null | jq -e --arg id "$id" '.id == $id' >/dev/null || fail "the event is not in the log"
curl -sS --fail-with-body http://127.0.0.1:19180/metrics | grep -q '^botgate_build_info{.*version="check"' || fail "the gateway has no metrics"
head -n 1 "$work/gateway-$suffix.log" | jq -e .service >/dev/null || fail "the gateway's log is no JSON"
echo "an event went from the gateway through the backend into the log"

for target in gateway backend; do
	runc kill "$target-$suffix" "$(jq -r .StopSignal "$work/$target.json")"
	eval "wait \$pid_$target" || { tail -n 5 "$work/$target-$suffix.log" >&2; fail "$target did not end well"; }
done
echo "both ended with exit code 0"
