#!/usr/bin/env bash
# Makes .build/ansible_collections/keymesh/ike, a copy of the working tree with a git index of its own, because
# ansible-test wants the collection at such a path and looks only at files that git knows. Prints the path.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
copy=$root/.build/ansible_collections/keymesh/ike

mkdir -p "$copy"
# Everything but the results of earlier runs; what was deleted in the tree goes from the copy too.
find "$copy" -mindepth 1 -maxdepth 1 ! -name .git ! -path "$copy/tests" -exec rm -rf {} +
find "$copy/tests" -mindepth 1 -maxdepth 1 ! -name output -exec rm -rf {} + 2>/dev/null || true
(cd "$root" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null --files-from=- --create --file=-) | tar --extract --file=- --directory="$copy"

cd "$copy"
git init --quiet 2>/dev/null
git add --all --force .
echo "$copy"
