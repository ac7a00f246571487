#!/usr/bin/env bash
# ansible-lint with the production profile, antsibull-changelog, and what has to agree within the collection.
. "$(dirname "$0")/common.sh"
cd "$copy"
ansible-lint --offline "$@"
antsibull-changelog lint
"$venv/bin/python" tests/collection/consistency.py
