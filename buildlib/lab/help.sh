# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The help texts of ./lab.

help_main() {
	cat <<'END'
Usage: ./lab [OPTION]... COMMAND [ARG]...
Build vfiowc and try it in an emulated machine: a stock Debian kernel, our modules, PCI devices whose
memory can be exported. Needs Debian 12 or 13 on x86-64; installs the rest when run as root, and says
what is missing otherwise.

Commands:
  demo      the walk-through: peer-to-peer RDMA into a BAR, with an independent witness
  perf      perftest on host memory and on a BAR: ratios to the copy limit and to rxe
  test      every test, in and outside the guest
  ordering  check the ordering contract by its model, without a guest; show how it breaks
  causes    a table: each cause that takes a device's memory away, idle and under traffic
  run       run a command in the guest
  shell     a shell in the guest
  mutants   check that the tests can fail: build with one mutation at a time
  build     build only
  clean     remove everything that ./lab has built

Options, before or after the command:
  --json         stdout is exactly one JSON object; all else goes to stderr
  --mirror URL   Debian mirror to build the guest from (default: the host's own)
  --suite S      the guest's userspace: trixie, or sid with its newer libibverbs (default: trixie)
  --kernel VER   guest kernel, for example 7.3.4+deb13 (default: the newest in the suites); 7.2 or newer
  --debug-kernel[=K]
                 boot a kernel that checks itself, built once from the source of the guest's version.
                 K is kasan (default: memory errors, lock rules, leaks, undefined behaviour, fault
                 injection) or kcsan (data races, dma-buf's own checks)
  --accel A      kvm or tcg, without the probe (default: kvm if the guest boots with it)
  --cache DIR    where roots and builds are kept (default: $VFIOWC_CACHE or ~/.cache/vfiowc)
  --keep         keep the directory of this run, and say where it is
  --verbose      show the output of every step
  -h, --help     this text, or that of the command

Exit status: 0 success, 1 failure, 2 wrong usage, 128 + N ended by signal N.
END
}

help_demo() {
	cat <<'END'
Usage: ./lab demo [--seed N] [--json]
Build, boot the guest and run `vfiowc demo` in it. When the guest is gone, the host hashes the file behind
the emulated BAR and compares it with what the seed and the list of steps say it must hold.

  --seed N   decides all data (default 1); 0 to 18446744073709551615
END
}

help_perf() {
	cat <<'END'
Usage: ./lab perf [--rounds N] [--json]
Boot the guest and measure stock perftest in it: 64 KiB write and read bandwidth, 8-byte latency and 8-byte
message rate, over the software RDMA device on host memory and with the server's buffer in a slice of a BAR, over
rxe on host memory, and beside them the bare copy. What is compared is measured in the same round, in random order; printed
are ratios with confidence intervals. Then the null test: WRITEs into a slice with a steering tag and without, in
alternation, must be equally fast within 10 %, since software ignores tags; one repeat is allowed.

Then, by pairs that follow each other at once: WRITE against the kernel's own copy, against the CPU's own copy into
the same slice, and against rxe; registration of 1 GiB against 4 KiB; 1,000 queue pairs against one; each with what is
aimed at.

rxe runs a network stack, the software device is a local copy: the headline is the ratio to the copy limit.

  --rounds N   rounds after the first, which is thrown away (default 7, at least 2)
  --json       one object: ratios, each {value, low, high}; headline, the names of those to the copy limit;
               goals, what those by pairs are held against; times_ns, their medians; figures, others beside them;
               tph_null; raw, all single runs

Exit status: 0, or 1 when something failed or the null test did not pass.
END
}

help_causes() {
	cat <<'END'
Usage: ./lab causes [--json]
Boot the guest and bring about everything that takes the memory of a slice away, once with the device idle and
once while RDMA WRITEs and READs run on it and four threads export, map, fork and revoke other slices. Prints a
table: pass, fail, or not-testable with the reason.

  --json   one object: causes, each {cause, kind: temporary or permanent, idle, traffic, note}

Exit status: 0 when nothing failed, else 1.
END
}

help_test() {
	cat <<'END'
Usage: ./lab test [--long] [--filter REGEX] [--debug-kernel[=KIND]] [--json]
Run the static checks, the unit tests (gcc, clang, sanitizers), the tests of ./lab, the guest tests and the
walk-through. Ends with one line: N passed, N failed, N skipped.

  --long          also what does not fit CI: every mutant, perftest in all its ways, the userspace of sid,
                  the modules by DKMS and for other kernels, the provider inside rdma-core
  --filter REGEX  only tests whose SUITE/NAME matches this extended regular expression, as printed
  --debug-kernel[=kasan|kcsan]
                  run the guest tests and the walk-through on that kernel, and nothing that needs no guest;
                  five times slower

Exit status: 0 when nothing failed, else 1.
END
}

help_ordering() {
	cat <<'END'
Usage: ./lab ordering [RULE]... [--arch A] [--show] [--list] [--json]
Check the ordering contract (Documentation/ordering.md) by its model, for all rules or those named (O1 to O17,
O5i, O5t): each call verified over the whole state space; with exactly that call deleted (the diff is printed)
a counterexample is found; the C header's instructions are those of the model. Takes a few minutes, needs no guest.

  --show    print each counterexample, one column per agent (C, N, D), time runs down; the default when
            rules are named
  --arch A  x86-64 or arm64 only
  --list    what would be checked
  --json    one object: {ok, rules: [{id, arch, kind: call|invariant|usage, case, with: {states, violations},
            without: {counterexample, deleted, diff, ...}, ...}], mutations, sequences, passed, failed, skipped,
            seconds}; tests/ordering/README.md names every field

Exit status: 0 when everything holds and everything deleted is missed, else 1.

Examples:
  ./lab ordering
  ./lab ordering O4 --arch x86-64
END
}

help_run() {
	cat <<'END'
Usage: ./lab run [--package P]... [--timeout SECONDS] [--json] -- COMMAND [ARG]...
Run COMMAND as root in the guest, with everything of this tree installed. Its stdout and stderr arrive on
stdout and stderr, its status is the exit status. The guest has no network and no stdin; /lab/run is shared
with this run's directory on the host (see --keep).

  --package P        a Debian package to add to the guest for this run; may be repeated
  --timeout SECONDS  end the guest after that time (default: never)

Exit status: COMMAND's; 125 when the guest died before COMMAND ended.

Examples:
  ./lab run -- ibv_devices
  ./lab run -- bash -c 'modprobe vfiowc_rdma && rdma link add v0 type vfiowc netdev eth0 && ibv_devinfo'
  ./lab run --package fio -- fio --version
END
}

help_shell() {
	cat <<'END'
Usage: ./lab shell
A root shell on the guest's serial console, with everything of this tree installed. `exit` ends the guest,
Ctrl-A x kills it.
END
}

help_mutants() {
	cat <<'END'
Usage: ./lab mutants [NAME]... [--component C] [--kind K] [--fresh] [--list] [--json]
For each tests/mutants/NAME.patch: build a copy of the tree with that one mutation and name the test that fails
with it and passes without. First the test that the patch names; when it does not fail, the other test programs
of the component. All of them when no NAME is given.

What was found is kept until the tree changes, so that a run that was cut off goes on where it was.

  --component C  only those of pci, rdma, library, plugin or tools
  --kind K       only those of a kind, such as bounds or flush; see --list
  --fresh        forget what was found before
  --list         component, kind, name, test and reason only
  --json         one object: mutants, each {name, component, kind, killed_by, equivalent}; killed, equivalent, total

Exit status: 0 when every mutant is killed or explained in tests/mutants/equivalent, else 1.
END
}

help_build() {
	cat <<'END'
Usage: ./lab build
Build the guest root if needed, then the modules and userspace of this checkout. Prints nothing on stdout.
END
}

help_clean() {
	cat <<'END'
Usage: ./lab clean [--keep-root]
Remove the guest roots, package layers, debug kernels and builds (of every checkout) from the cache. What another lab is
using at this moment is left alone. Packages that were installed on the host stay.

  --keep-root   remove the builds only
END
}
