#!/usr/bin/env bash
# All scenarios, or molecule with these arguments: molecule.sh [test -s default]. Hosts are network namespaces and
# containers of this machine, so it needs root.
. "$(dirname "$0")/common.sh"
export MOLECULE_GLOB=molecule/*/molecule.yml
cd "$root"
if [ $# = 0 ]; then
    set -- test --all --report
fi
exec molecule "$@"
