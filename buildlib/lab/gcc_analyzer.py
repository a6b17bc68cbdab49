# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""Compiles files as a compile_commands.json says, with gcc's analyzer on and nothing kept; fails when it complains.

Usage: gcc_analyzer.py COMMANDS FILE...
"""
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


def analyse(entry):
    command = shlex.split(entry["command"])
    command[command.index("-o") + 1] = os.devnull
    run = subprocess.run(command + ["-fanalyzer", "-Werror"], cwd=entry["directory"],
                         capture_output=True, text=True, check=False)
    return run.returncode, run.stderr


with open(sys.argv[1], encoding="utf-8") as file:
    entries = {entry["file"]: entry for entry in json.load(file)}
wanted = [os.path.realpath(name) for name in sys.argv[2:]]
bad = 0
for name in wanted:
    if name not in entries:
        print(f"{name}: no command compiles it")
        bad = 1
with ThreadPoolExecutor(os.cpu_count()) as pool:
    for status, words in pool.map(analyse, [entries[name] for name in wanted if name in entries]):
        if status:
            print(words)
            bad = 1
sys.exit(bad)
