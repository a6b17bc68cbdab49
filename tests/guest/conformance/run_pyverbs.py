#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""Run rdma-core's own pyverbs tests, unmodified, and print TAP.

Usage: run_pyverbs.py [--dmabuf] LIST DEVICE GID MODULE...

LIST says of every test of a module what is expected of it: "ok NAME" must pass, so that a test
that begins to be skipped fails here; "skip NAME" is not run, the reason stands in
Documentation/conformance.md. "dmabuf NAME" is run, and must pass, with --dmabuf only, and then nothing else
is: the test wants dma-bufs of a GPU (drm_on_udmabuf.c) and a pyverbs without a slip. A test that LIST does not know, or one that is gone, is a failure too.
"""
import glob
import importlib
import io
import os
import random
import sys
import traceback
import unittest
from contextlib import redirect_stderr
from importlib.machinery import SourceFileLoader

SOURCE = '/usr/src/rdma-core-*/tests'


def mend_dmabuf_mr():
    """pyverbs 56.1 registers a dma-buf and then calls add_ref() of the DmaBuf, which Python cannot see (cdef).
    Here the tests get a DmaBufMR whose DmaBuf has one. All modules must be there before: the types of pyverbs
    find each other by name when they are imported, and want what only the originals have."""
    for path in importlib.import_module('pyverbs').__path__:
        for name in glob.glob('**/*.so', root_dir=path, recursive=True):
            importlib.import_module('pyverbs.' + name.split('.')[0].replace('/', '.'))
    mr, dmabuf = sys.modules['pyverbs.mr'], sys.modules['pyverbs.dmabuf']

    class DmaBuf(dmabuf.DmaBuf):
        def add_ref(self, obj):
            """The MR holds its dma-buf; nobody closes the dma-buf before."""

    class DmaBufMR(mr.DmaBufMR):
        def __init__(self, pd, length, access, dmabuf=None, offset=0, gpu=0, gtt=0):
            super().__init__(pd, length, access, dmabuf or DmaBuf(length + offset, gpu, gtt), offset)

    mr.DmaBufMR = DmaBufMR


def load(device, gid):
    """Do what the tests' own run_tests.py does before it calls unittest."""
    found = glob.glob(SOURCE)
    if len(found) != 1:
        sys.exit(f'{SOURCE}: one directory expected, found {len(found)}')
    sys.path.insert(0, found[0])
    sys.argv = ['run_tests.py', '--dev', device, '--port', '1', '--gid', gid]
    parser = importlib.import_module('args_parser').parser
    SourceFileLoader('tests', found[0] + '/__init__.py').load_module()
    parser.parse_args()


def expectations(path, modules):
    """{name: 'ok', 'dmabuf' or 'skip'} of the modules asked for."""
    result = {}
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            words = line.split()
            if not words or words[0] == '#':
                continue
            if words[1].split('.')[0] in modules:
                result[words[1]] = words[0]
    return result


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def names_of(module):
    """Every test that the module has."""
    suite = unittest.defaultTestLoader.loadTestsFromName('tests.' + module)
    return {test.id().removeprefix('tests.') for test in flatten(suite)}


def verdict(name):
    """None, or why the test did not pass."""
    random.seed(1)  # the tests choose sizes and flags by chance: the same ones each time
    result = unittest.TestResult()
    noise = io.StringIO()
    try:
        with redirect_stderr(noise):
            unittest.defaultTestLoader.loadTestsFromName('tests.' + name).run(result)
    except BaseException:  # a test must not end the others
        return traceback.format_exc()
    if result.skipped:
        return 'skipped: ' + result.skipped[0][1]
    if not result.wasSuccessful():
        return (result.errors + result.failures)[0][1]
    return None if result.testsRun == 1 else f'{result.testsRun} tests were run'


def main():
    kind = 'dmabuf' if sys.argv[1] == '--dmabuf' else 'ok'
    path, device, gid, *modules = sys.argv[2 if kind == 'dmabuf' else 1:]
    if kind == 'dmabuf':
        mend_dmabuf_mr()
    load(device, gid)
    expected = expectations(path, modules)
    wanted = sorted(name for name, what in expected.items() if what == kind)
    print(f'1..{len(wanted) + 1}', flush=True)
    failures = 0

    def report(number, name, why):
        nonlocal failures
        failures += why is not None
        print('ok' if why is None else 'not ok', number, '-', name)
        for line in (why or '').splitlines():
            print('#', line)
        sys.stdout.flush()

    for number, name in enumerate(wanted, 1):
        report(number, name, verdict(name))
    there = set().union(*(names_of(module) for module in modules))
    odd = sorted(there.symmetric_difference(expected))
    report(len(wanted) + 1, 'every_test_of_these_modules_is_listed',
           'not in the list, or only there: ' + ' '.join(odd) if odd else None)
    # Not through the interpreter's end: pyverbs' objects die there in an order that may crash.
    os._exit(1 if failures else 0)


main()
