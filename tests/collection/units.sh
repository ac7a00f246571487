#!/usr/bin/env bash
# ansible-test units: units.sh [ARGUMENTS], such as tests/unit/plugins/modules/test_ike_sa.py.
. "$(dirname "$0")/common.sh"
prepare_ansible_test
cd "$copy"
exec ansible-test units --local --python "$python_version" "$@"
