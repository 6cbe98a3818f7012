#!/bin/bash
# SPDX-License-Identifier: MIT
#
# podman and runc, with all that they keep in the tests' temporary folder, and images made of
# Debian's packages. Sourced behind ../lib.bash.

# shellcheck source=tests/debian.bash
. "${BASH_SOURCE[0]%/*}/../debian.bash"
# shellcheck source=tests/readme.bash
. "${BASH_SOURCE[0]%/*}/../readme.bash"

needed=(podman runc conmon catatonit docker-compose python3 debootstrap musl-gcc findmnt nsenter)

# need_podman: in setup(), since bats can't skip in setup_file(). There make_images does nothing.
need_podman() {
    need "${needed[@]}"
    python3 -c 'import yaml' || unless_ci 'python3-yaml is missing'
    [ $EUID = 0 ] || unless_ci 'only root can run these containers'
    need_groups
}

podman() {
    without_harness command podman "$@"
}

# ---- its folder ------------------------------------------------------------------

# crun refuses a host that has both versions of control groups. The limits are low enough for
# any host.
make_store() {
    export store=$BATS_FILE_TMPDIR/podman
    export CONTAINERS_CONF=$store/containers.conf CONTAINERS_STORAGE_CONF=$store/storage.conf TMPDIR=$store/tmp
    mkdir -p "$TMPDIR"
    local driver=overlay
    [ "$(stat -f -c %T "$store")" != overlayfs ] || driver=vfs # overlay doesn't stand on itself
    printf '#!/bin/sh\nexec %s --root %s "$@"\n' "$(command -v runc)" "$store/runc.state" >"$store/runc"
    chmod +x "$store/runc"
    cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "$driver"
graphroot = "$store/root"
runroot = "$store/run"
CONF
    cat >"$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[network]
network_config_dir = "$store/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
static_dir = "$store/root/libpod"
tmp_dir = "$store/libpod"
volume_path = "$store/root/volumes"
[engine.runtimes]
runc = ["$store/runc"]
CONF
    export groups_before cache_before
    groups_before=$(podman_groups)
    cache_before=$(find $cache -maxdepth 0 2>/dev/null || :)
}

# Where podman keeps what it knows of images, wherever these are
cache=/var/lib/containers

podman_groups() {
    local one
    for one in /sys/fs/cgroup/{,*/}libpod_parent; do
        [ ! -d "$one" ] || find "$one" -type d
    done
}

# remove_store: and what podman leaves behind elsewhere.
remove_store() {
    [ "${store-}" ] || return 0
    remove_containers
    findmnt -rno TARGET | grep "^$store/" | sort -r | xargs -r umount
    rm -rf --one-file-system "$store"
    podman_groups | grep -vFx -f <(echo "$groups_before") | sort -r | xargs -r rmdir
    [ "$cache_before" ] || { rm -rf "$cache/cache" && rmdir "$cache"; }
}

remove_containers() {
    podman pod rm -f -a -t 0 >/dev/null
    podman rm -f -a -t 0 >/dev/null
}

# ---- images ----------------------------------------------------------------------

# The path is that of the images that are stood in for.
import() {
    podman import -q --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "${@:2}" - "$1"
}

# build TAG [OPTION...]: from the source, or the Dockerfile on stdin.
build() {
    podman build -q --pull=never --network host -t "$@"
    stand_in "$1"
}

# stand_in IMAGE: make control has other files under test than those built in the image.
stand_in() {
    [ "$KASHIM_LIB${KASHIM_COMMAND-}" != "$root/build/libkashim.so" ] || return 0
    mkdir -p "$store/other"
    cp "$KASHIM_LIB" "$store/other/libkashim.so"
    cp "${KASHIM_COMMAND:-$root/build/kashim}" "$store/other/kashim"
    printf 'FROM %s\nCOPY libkashim.so /usr/local/lib/\nCOPY kashim /usr/local/bin/\n' "$1" |
        podman build -q --pull=never -t "$1" -f - "$store/other"
}

# make_images: those that the README and the manifests name.
make_images() {
    { [ $EUID = 0 ] && hash "${needed[@]}"; } || return 0
    make_store
    make_debian
    make_all_images >"$store/log" 2>&1 || { tail -n 20 "$store/log"; return 1; }
}

make_all_images() {
    make_debian_images
    make_musl_image
    make -s -C "$root" dist
    mkdir "$store/src"
    tar -xzf "$root"/build/kashim-*.tar.gz -C "$store/src" --strip-components=1
    build registry.example.org/kashim:1.1.0 -f "$root/scripts/kubernetes/Dockerfile" "$store/src"
}

make_debian_images() {
    tar -C "$base" -c . | import debian:12
    podman tag debian:12 debian:12-slim
    build memcached:1.6 - <<'DOCKERFILE'
FROM debian:12
RUN apt-get update && apt-get install -y --no-install-recommends memcached
USER memcache
CMD ["memcached"]
DOCKERFILE
}

# musl has no memcached in Debian: a server of ours stands in for it.
make_musl_image() {
    local files=$store/musl
    (cd "$root" && tests/compat/root.sh bookworm build/containers/musl musl busybox-static)
    mkdir -p "$files/etc" "$files/usr/local/bin"
    printf '%s\n' root:x:0:0::/:/bin/sh memcache:x:11211:11211::/:/bin/sh >"$files/etc/passwd"
    musl-gcc -O2 -o "$files/usr/local/bin/memcached" "$root/tests/fixtures/echo_server.c"
    tar -C "$root/build/containers/musl" -c . -C "$files" ./etc/passwd ./usr/local |
        import memcached:1.6-alpine --change 'USER memcache' --change 'CMD ["memcached","11211"]'
}
