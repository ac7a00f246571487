#!/usr/bin/env bash
# ansible-test sanity: sanity.sh [ARGUMENTS], such as --test validate-modules.
. "$(dirname "$0")/common.sh"
prepare_ansible_test
cd "$copy"
exec ansible-test sanity --local --python "$python_version" "$@"
