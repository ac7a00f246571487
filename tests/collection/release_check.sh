#!/usr/bin/env bash
# What Galaxy would say of the tarball of a release, and whether its documentation builds: release_check.sh. Needs no network.
. "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work/home XDG_CACHE_HOME=$work/cache
mkdir -p "$HOME"

ANSIBLE_VENV=$venv "$root/tests/collection/release.sh" "$work/release"
tarball=$(echo "$work"/release/*.tar.gz)

# ansible-lint and ansible-test have stages of their own.
export GALAXY_IMPORTER_RUN_ANSIBLE_LINT=false GALAXY_IMPORTER_CHECK_REQUIRED_TAGS=true
(cd "$work" && python -m galaxy_importer.main "$tarball") 2>&1 | tee "$work/import.log"
if grep -E '^(WARNING|ERROR)' "$work/import.log" || ! grep -q 'Importer processing completed successfully' "$work/import.log"; then
    echo "galaxy-importer is not content" >&2
    exit 1
fi

# Every link of the documentation, and the pages that docs.ansible.com would make of it.
(cd "$copy" && antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck --validate-collection-refs=self .)
antsibull-docs collection --use-current --fail-on-error --dest-dir "$(mkdir -p "$work/docs" && echo "$work/docs")" keymesh.ike
pages=$(find "$work/docs" -name '*.rst' | wc -l)
echo "antsibull-docs: $pages pages"

# What an execution environment with this collection gets from PyPI.
ansible-builder introspect "$root/.build" | tee "$work/needs"
grep -q 'cryptography.*from collection keymesh.ike' "$work/needs"
