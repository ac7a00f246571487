#!/usr/bin/env bash
# ansible-test sanity: sanity.sh [ARGUMENTS], such as --test validate-modules.
. "$(dirname "$0")/common.sh"
prepare_ansible_test
cd "$copy"
if [ $# != 0 ]; then
    exec ansible-test sanity --local --python "$python_version" "$@"
fi
# The engine, its tests and its benchmarks are linted by ruff, whose rules are stricter and in one point the opposite:
# here `_` is a translation, there it is a value that nobody needs.
engine=()
for path in benchmarks/ docs/ ikeengine/ tests/engine/ tests/lab/ tests/run.py; do
    if [ -e "$path" ]; then engine+=(--exclude "$path"); fi
done
ansible-test sanity --local --python "$python_version" --skip-test pylint
ansible-test sanity --local --python "$python_version" --test pylint "${engine[@]}"
