#!/bin/sh
# Checks the example configuration and the rules, and runs the rules' tests.
set -eu
cd "$(dirname "$0")"
tools=$(sh ../unpack.sh prometheus promtool)
"$tools/promtool" check config --lint=all --lint-fatal prometheus.yml
"$tools/promtool" check config --lint=all --lint-fatal ../compose/prometheus.yml
"$tools/promtool" test rules tests/*.yml
