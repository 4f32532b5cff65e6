/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/commands.h>

int main(int argc, char **argv)
{
    return commands_run(argc, argv);
}
