#!/usr/bin/python3
"""Chromium that is not told when the machine's network changes, under Debian's own Python.

It gives up what it has under way, with net::ERR_NETWORK_CHANGED, whenever an engine beside it makes
or removes a network. What it cannot ask for it does not follow.
"""

import errno
import os
import socket
import sys

import seccomp

rules = seccomp.SyscallFilter(seccomp.ALLOW)
netlink = seccomp.Arg(0, seccomp.EQ, socket.AF_NETLINK)
rules.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", netlink)
rules.load()
os.execvp("chromium", ["chromium", *sys.argv[1:]])
