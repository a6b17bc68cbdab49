#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""The witness of the walk-through: that it can say yes, and that it says no to anything else."""
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
WITNESS = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "witness", "vfiowc-witness")
BAR_BYTES = 5 << 20
SEED = 2**64 - 3


def load():
    loader = importlib.machinery.SourceFileLoader("witness", WITNESS)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("witness", loader))
    loader.exec_module(module)
    return module


def run(*arguments):
    return subprocess.run([sys.executable, WITNESS, *arguments], capture_output=True, text=True, check=False)


class Witness(unittest.TestCase):
    def setUp(self):
        self.file = tempfile.NamedTemporaryFile()
        self.addCleanup(self.file.close)
        self.file.write(load().expected_bar(SEED, BAR_BYTES))
        self.file.flush()

    def judge(self, seed=SEED, size=BAR_BYTES):
        return run("--json", "--seed", str(seed), "--bytes", str(size), "--bar-file", self.file.name)

    def flip(self, offset):
        self.file.seek(offset)
        byte = self.file.read(1)[0]
        self.file.seek(offset)
        self.file.write(bytes([byte ^ 0x10]))
        self.file.flush()

    def test_right_file_is_equal(self):
        result = self.judge()
        self.assertEqual(result.returncode, 0, result.stderr)
        said = json.loads(result.stdout)
        self.assertEqual(list(said), ["file_sha256", "expected_sha256", "first_difference"])
        self.assertEqual(said["file_sha256"], said["expected_sha256"])
        self.assertEqual(len(said["file_sha256"]), 64)
        self.assertIsNone(said["first_difference"])

    def test_one_flipped_bit_anywhere_is_found(self):
        # outside the slices, doorbell, its page, each block's ends, the refused WRITEs, the last byte
        for offset in (0, 0xFFFFF, 0x100000, 0x100003, 0x100004, 0x3FFFFF, 0x400000, 0x43FFFF, 0x440000,
                       0x47FFFF, 0x480000, 0x480FFF, 0x481000, 0x481FFF, 0x482000, 0x4FFFFF, BAR_BYTES - 1):
            with self.subTest(offset=hex(offset)):
                self.flip(offset)
                result = self.judge()
                self.assertEqual(result.returncode, 1)
                self.assertEqual(json.loads(result.stdout)["first_difference"], offset)
                self.assertIn(hex(offset), result.stderr)
                self.flip(offset)

    def test_another_seed_is_different(self):
        self.assertEqual(self.judge(seed=SEED - 1).returncode, 1)

    def test_empty_bar_is_different(self):
        self.file.seek(0)
        self.file.write(bytes(BAR_BYTES))
        self.file.flush()
        self.assertEqual(self.judge().returncode, 1)

    def test_wrong_use_is_status_2(self):
        self.assertEqual(self.judge(size=BAR_BYTES + 1).returncode, 2)
        self.assertEqual(self.judge(size=4096).returncode, 2)
        self.assertEqual(self.judge(seed=-1).returncode, 2)
        self.assertEqual(self.judge(seed=2**64).returncode, 2)
        self.assertEqual(run("--seed", "1", "--bytes", str(BAR_BYTES), "--bar-file", "/nowhere").returncode, 2)
        self.assertEqual(run("--seed", "1").returncode, 2)

    def test_generator_is_splitmix64(self):
        """Published output from the state 1234567, which is what mix() sees first."""
        witness = load()
        self.assertEqual(witness.mix((1234567 + 0x9E3779B97F4A7C15) & witness.MASK), 6457827717110365317)
        self.assertEqual(witness.mix((1234567 + 2 * 0x9E3779B97F4A7C15) & witness.MASK), 3203168211198807973)


if __name__ == "__main__":
    unittest.main()
