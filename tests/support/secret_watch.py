#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for a secret in the command lines and environments of all processes, and in the files of one, again and again.

  secret_watch.py NEEDLE_FILE STATUS_FILE REPORT_FILE [DIRECTORY]

The needle is the content of NEEDLE_FILE, so that it stands in no command line here. STATUS_FILE has the number of rounds so
far. On SIGTERM it writes REPORT_FILE, a JSON list of what was seen:

  pid, where ("cmdline" or "environ"), argv (its first words, without the secret), last (the round in which it was last there)
  file, mode (octal), where "file": below DIRECTORY as the processes of the test see it

and as its last element {"rounds": N}. DIRECTORY is looked at through /proc/PID/root of every process whose mount namespace is
not ours.
"""
import json
import os
import signal
import sys
import time


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def words(cmdline, needle):
    return [word.decode(errors="replace") for word in cmdline.split(b"\0") if needle not in word][:4]


class Watch:
    def __init__(self, needle, directory):
        self.needle, self.directory = needle, directory
        self.seen, self.round = {}, 0
        self.here = os.readlink("/proc/self/ns/mnt")

    def note(self, key, **what):
        self.seen.setdefault(key, what)["last"] = self.round

    def look_at_process(self, pid):
        for where in "cmdline", "environ":
            if self.needle in read(f"/proc/{pid}/{where}"):
                argv = words(read(f"/proc/{pid}/cmdline"), self.needle)
                self.note((pid, where, tuple(argv)), pid=int(pid), where=where, argv=argv)
        try:
            other = os.readlink(f"/proc/{pid}/ns/mnt")
        except OSError:
            return
        if self.directory and other != self.here:
            self.look_at_files(f"/proc/{pid}/root{self.directory}")

    def look_at_files(self, top):
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    mode = os.stat(path).st_mode & 0o777
                except OSError:
                    continue
                if self.needle in read(path):
                    self.note((path[len(top):], mode), where="file", file=name, mode=oct(mode))

    def look(self):
        self.round += 1
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                self.look_at_process(pid)


def main():
    needle = read(sys.argv[1]).strip()
    watch = Watch(needle, sys.argv[4] if len(sys.argv) > 4 else "")
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    while not stopped:
        watch.look()
        with open(sys.argv[2], "w") as status:
            status.write(f"{watch.round}\n")
        time.sleep(0.002)
    with open(sys.argv[3], "w") as report:
        json.dump(list(watch.seen.values()) + [{"rounds": watch.round}], report)


main()
