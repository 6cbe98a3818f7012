#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A Debian 12 with services, to boot from. Sourced behind ../lib.bash.

# shellcheck source=tests/debian.bash
. "${BASH_SOURCE[0]%/*}/../debian.bash"

packages=(systemd-sysv dbus openssh-server nginx-light redis-server memcached exim4-daemon-light
    dovecot-imapd cups-daemon postgresql-15 squid webhook cpio)

# make_services_tree: in $tree. Kept while this file is older.
make_services_tree() {
    local lock
    tree=$root/build/debian12-services
    exec {lock}>"$tree.lock"
    flock "$lock"
    if [ ! "$tree" -nt "${BASH_SOURCE[0]}" ]; then
        rm -rf --one-file-system "$tree" "$tree.new"
        copy_debian "$tree.new"
        install_services >"$tree.log" 2>&1 || { tail -n 20 "$tree.log"; return 1; }
        configure_services "$tree.new/etc"
        mv "$tree.new" "$tree"
        touch "$tree"
    fi
    exec {lock}>&-
}

# Debian allows one mail server: postfix is forced in beside exim, and runs until that starts.
install_services() {
    in_debian "$tree.new" "apt-get -qq update
        apt-get -qq -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io install -y \
            --no-install-recommends ${packages[*]}
        cd /tmp && apt-get -qq download postfix
        dpkg --force-conflicts,overwrite,unsafe-io -i postfix_*.deb"
}

# configure_services DIR: exim leaves port 25 to postfix, squid stops at once, cups stays
# without jobs, and webhook has the file without which it doesn't start.
configure_services() {
    sed -i "s/^dc_local_interfaces=.*/dc_local_interfaces='127.0.0.1.2525'/" "$1/exim4/update-exim4.conf.conf"
    echo 'shutdown_lifetime 0 seconds' >"$1/squid/conf.d/test.conf"
    echo 'IdleExitTimeout 0' >>"$1/cups/cupsd.conf"
    echo '[]' >"$1/webhook.conf"
}
