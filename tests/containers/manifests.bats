#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The manifests against the types of Kubernetes' API, as kubectl has them: it refuses a value of
# another type and drops a field that it doesn't know.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"

setup() {
    need kubectl python3
    python3 -c 'import yaml' || unless_ci 'python3-yaml is missing'
}

# lost FILE: what it drops, or complains of. A change makes it decode the file without a cluster.
lost() {
    local typed=$BATS_TEST_TMPDIR/typed
    KUBECONFIG=/dev/null HOME=$BATS_TEST_TMPDIR kubectl set env --local -f "$1" -o json TEST=1 >"$typed" 2>&1 ||
        { cat "$typed" && return; }
    python3 "$BATS_TEST_DIRNAME/lost.py" "$1" "$typed" | too_new
}

# too_new: without fields that are newer than this kubectl.
too_new() {
    local minor
    minor=$(kubectl version --client -o json | sed -n 's/.*"minor": "\([0-9]*\).*/\1/p')
    if [ "$minor" -lt 30 ]; then grep -v '\.appArmorProfile$' || :; else cat; fi
}

# is_of_api FILE
is_of_api() {
    harmless 'lost' '' "$(lost "$root/scripts/kubernetes/$1")"
}

# bats test_tags=harmless
@test "manifests: the DaemonSet is of the API" {
    is_of_api daemonset.yaml
}

# bats test_tags=harmless
@test "manifests: the pod with an init container is of the API" {
    is_of_api init-container.yaml
}

# bats test_tags=harmless
@test "manifests: a wrong field and a wrong type are found" {
    local copy=$BATS_TEST_TMPDIR/copy.yaml
    sed 's/hostPID/hostPid/' "$root/scripts/kubernetes/daemonset.yaml" >"$copy"
    harmless 'lost' .spec.template.spec.hostPid "$(lost "$copy")"
    sed 's/hostPID: true/hostPID: "yes"/' "$root/scripts/kubernetes/daemonset.yaml" >"$copy"
    [[ $(lost "$copy") == *[hH]ostPID* ]] || harmless 'complaint' hostPID "$(lost "$copy")"
}
