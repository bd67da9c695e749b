#!/bin/sh
# Checks the chart: by helm, its unit tests, the schemas of Kubernetes and of the custom resources, and kube-score.
# What it needs is built into bin/ the first time, which takes some ten minutes.
set -eu
cd "$(dirname "$0")/../.."
bin=$PWD/bin
chart=deploy/helm/botgate
kubernetes=1.36.3

# tool NAME PACKAGE: by go install, at a version.
tool() {
	[ -x "$bin/$1" ] && return
	echo "Building $1; this takes some minutes ..."
	GOBIN="$bin" go install "$2"
}
tool helm helm.sh/helm/v3/cmd/helm@v3.22.0
tool kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
tool kube-score github.com/zegl/kube-score/cmd/kube-score@v1.20.0
if [ ! -x "$bin/helm-unittest" ]; then
	echo "Building helm-unittest; this takes some minutes ..."
	go -C deploy/checks/unittest build -o "$bin/helm-unittest" github.com/helm-unittest/helm-unittest/cmd/helm-unittest
fi
if [ ! -d "$bin/schemas-$kubernetes" ]; then
	echo "Writing the schemas of Kubernetes $kubernetes and of custom resources ..."
	go -C deploy/checks run ./schemas "$bin/schemas-$kubernetes.new"
	mv "$bin/schemas-$kubernetes.new" "$bin/schemas-$kubernetes"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rendered=$work/rendered.yaml
for set in "$chart"/ci/*-values.yaml; do
	values="--kube-version $kubernetes --values $chart/ci/minimal-values.yaml --values $set"
	# shellcheck disable=SC2086 # They are words.
	"$bin/helm" lint --strict --quiet "$chart" $values
	# shellcheck disable=SC2086
	"$bin/helm" template botgate "$chart" --namespace botgate $values >"$rendered"
	echo "$(basename "$set"):"
	"$bin/kubeconform" -strict -summary -kubernetes-version "$kubernetes" \
		-schema-location "$bin/schemas-$kubernetes/{{.ResourceKind}}{{.KindSuffix}}.json" "$rendered"
	# No limit of processor time, for it would throttle; images are of a version, or of a digest. The smallest set has no
	# network policies, which are what it is about.
	ignore=container-image-pull-policy
	[ "$(basename "$set")" != small-values.yaml ] || ignore=$ignore,pod-networkpolicy
	"$bin/kube-score" score --kubernetes-version "v${kubernetes%.*}" --ignore-container-cpu-limit --ignore-test "$ignore" \
		--output-format ci "$rendered" >"$work/score" || { grep '^\[CRITICAL\]' "$work/score" >&2; exit 1; }
done
"$bin/helm-unittest" "$chart"
