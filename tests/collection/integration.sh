#!/usr/bin/env bash
# ansible-test integration: integration.sh [TARGET ...]. The targets need root, strongSwan and network namespaces.
. "$(dirname "$0")/common.sh"
prepare_ansible_test
cd "$copy"
exec ansible-test integration --local --python "$python_version" --allow-root --allow-destructive "$@"
