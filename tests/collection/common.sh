# shellcheck shell=bash
# Sourced by the other scripts. Finds the tools and makes .build/ansible_collections/keymesh/ike, a copy of the working
# tree with a git index of its own, because Ansible wants a collection at such a path and ansible-test looks only at
# files that git knows.
#
# The tools come from `pip install -e .[collection]` in .venv, or in the virtual environment that ANSIBLE_VENV names.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=${ANSIBLE_VENV:-$root/.venv}
if [ ! -x "$venv/bin/ansible-playbook" ]; then
    echo "$venv has no ansible; make it with: python3 -m venv $venv && $venv/bin/pip install -e '.[collection]'" >&2
    exit 1
fi
export PATH=$venv/bin:$PATH
export ANSIBLE_COLLECTIONS_PATH=$root/.build
copy=$root/.build/ansible_collections/keymesh/ike

# Several scripts run at the same time.
mkdir -p "$copy"
exec 9>"$root/.build/collection.lock"
flock 9
copy_tree() {
    # What is gone from the tree goes from the copy too; results of earlier runs stay.
    find . -path ./.git -prune -o -path ./tests/output -prune -o \( -type f -o -type l \) -printf '%P\0' | sort -z |
        comm -z -23 - <(sort -z "$list") | xargs -0 --no-run-if-empty rm -f --
    find . -mindepth 1 -path ./.git -prune -o -path ./tests/output -prune -o -type d -empty -printf '%P\0' |
        xargs -0 --no-run-if-empty rmdir --parents --ignore-fail-on-non-empty --
    tar --directory="$root" --null --files-from="$list" --create --file=- | tar --extract --file=-
    git init --quiet
    git add --all --force .
}
list=$root/.build/collection.files
stamp=$root/.build/collection.stamp
cd "$root"
# The tests of the engine are not part of the collection; ruff and mypy look after them.
git ls-files -z --cached --others --exclude-standard -- . ':!tests/engine' ':!tests/lab' ':!tests/run.py' ':!benchmarks' ':!docs' | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done >"$list"
sum=$(xargs -0 sha256sum <"$list" | sha256sum)
if [ "$sum" != "$(cat "$stamp" 2>/dev/null)" ]; then
    (cd "$copy" && copy_tree)
    echo "$sum" >"$stamp"
fi
flock -u 9

# ansible-test would download get-pip.py to bootstrap its environments. Python brings pip along, so that will do.
prepare_ansible_test() {
    local requirements version bootstrap
    requirements=$("$venv/bin/python" -c 'import ansible_test._internal.python_requirements as module; print(module.__file__)')
    version=$(sed -n "s/^ *pip='\([0-9.]*\)',$/\1/p" "$requirements")
    bootstrap=$HOME/.ansible/test/cache/get_pip_${version//./_}.py
    if [ ! -e "$bootstrap" ]; then
        mkdir -p "$(dirname "$bootstrap")"
        printf 'import ensurepip\nensurepip.bootstrap(default_pip=True)\n' >"$bootstrap"
    fi
}

# The Python that the tools run with, such as 3.11.
python_version=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
