#!/usr/bin/env bash
# Builds the tarball of a release: release.sh DIRECTORY. It is `ansible-galaxy collection build` of a copy of the tree, in
# which the wheel of ikeengine lies in roles/engine/files/ in place of its source. So the collection works wherever only
# meta/, playbooks/, plugins/ and roles/ get to. The same tree always gives the same wheel.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=${ANSIBLE_VENV:-$root/.venv}
output=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null --files-from=- --create --file=- | tar --directory="$work" --extract --file=-
cd "$work"
"$venv/bin/python" - <<'PYTHON'
import pathlib
import sys

sys.path.insert(0, "plugins/plugin_utils")
from _wheel import build_wheel

wheel = pathlib.Path(build_wheel(".", "built", 315532800).path)
wheel.rename(pathlib.Path("roles/engine/files") / wheel.name)
PYTHON
printf '  - %s\n' built ikeengine pyproject.toml >>galaxy.yml
"$venv/bin/ansible-galaxy" collection build --force --output-path "$output" .
