#!/bin/sh
# Checks the example configuration and the rules, and runs the rules' tests.
set -eu
cd "$(dirname "$0")"
tools=$(sh tools.sh)
"$tools/promtool" check config --lint=all --lint-fatal prometheus.yml
"$tools/promtool" test rules tests/*.yml
