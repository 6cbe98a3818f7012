/* SPDX-License-Identifier: MIT */
/* The server of the README: the demo's, without an argument. */
#define main demo_server
#include "../../demo/server.c"
#undef main

int main(int argc, char **argv)
{
    char *args[] = {argv[0], (char[]){"0.0.0.0"}, NULL};

    return demo_server(argc + 1, args);
}
