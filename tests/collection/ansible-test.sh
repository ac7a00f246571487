#!/usr/bin/env bash
# Runs ansible-test on a copy of the working tree: ansible-test.sh sanity|units|integration [ARGUMENTS].
# ANSIBLE_VENV names a virtual environment with `pip install -e .[collection]`, by default .venv.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
venv=${ANSIBLE_VENV:-$root/.venv}
export PATH=$venv/bin:$PATH

# ansible-test would download get-pip.py to bootstrap its environments. Python brings pip along, so that will do.
requirements=$("$venv/bin/python" -c 'import ansible_test._internal.python_requirements as module; print(module.__file__)')
version=$(sed -n "s/^ *pip='\([0-9.]*\)',$/\1/p" "$requirements")
bootstrap=$HOME/.ansible/test/cache/get_pip_${version//./_}.py
if [ ! -e "$bootstrap" ]; then
    mkdir -p "$(dirname "$bootstrap")"
    printf 'import ensurepip\nensurepip.bootstrap(default_pip=True)\n' >"$bootstrap"
fi

copy=$("$root/tests/collection/prepare.sh")
cd "$copy"
command=$1
shift
exec ansible-test "$command" "$@"
