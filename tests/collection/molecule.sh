#!/usr/bin/env bash
# Runs molecule from the working tree: molecule.sh test -s default. Needs root, because hosts are network namespaces.
# ANSIBLE_VENV names a virtual environment with `pip install -e .[collection]`, by default .venv.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
venv=${ANSIBLE_VENV:-$root/.venv}
export PATH=$venv/bin:$PATH
export MOLECULE_GLOB=molecule/*/molecule.yml

"$root/tests/collection/prepare.sh" >/dev/null
cd "$root"
exec molecule "$@"
