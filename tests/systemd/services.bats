#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Services of Debian in a real systemd: enabled while they run, restarted, disabled.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"
# shellcheck source=tests/systemd/container.bash
. "$BATS_TEST_DIRNAME/container.bash"
# shellcheck source=tests/systemd/judge.bash
. "$BATS_TEST_DIRNAME/judge.bash"

# bats test_tags=effect
@test "ssh" {
    is_served ssh.service 22 ''
}

# bats test_tags=effect
@test "nginx" {
    is_served nginx.service 80 "$get"
}

# bats test_tags=effect
@test "redis, which sets 300 s on each connection: with --force" {
    is_served redis-server.service 6379 'PING\r\n' --force
}

# bats test_tags=effect
@test "memcached" {
    is_served memcached.service 11211 'version\r\n'
}

# bats test_tags=effect
@test "exim4, generated from a script of SysV" {
    is_served exim4.service 2525 ''
}

# bats test_tags=effect
@test "postfix, an instance of its template" {
    is_served postfix@-.service 25 ''
}

# bats test_tags=effect
@test "dovecot" {
    is_served dovecot.service 143 ''
}

# bats test_tags=effect
@test "cups" {
    is_served cups.service 631 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n'
}

# bats test_tags=effect
@test "PostgreSQL, started by pg_ctlcluster, which wipes the environment" {
    is_served postgresql@15-main.service 5432 "$ssl_request"
}

# bats test_tags=effect
@test "squid, whose worker is executed with another effective user" {
    is_served squid.service 3128 'CONNECT localhost:1 HTTP/1.1\r\n\r\n'
}

# bats test_tags=effect
@test "webhook, in Go, which sets 15 s on each connection: with --force" {
    is_served webhook.service 9000 "$get" --force
}
