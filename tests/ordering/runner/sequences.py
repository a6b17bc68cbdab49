# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""The C header's instruction sequences against the model's.

Each call is compiled between two stores (or two loads) to a word that it does not mention: both
must be there, on their side of the call, or the compiler may move code across it. What lies between
is compared with the body of the inline of the same name in machine/calls_ARCH.pml.
"""
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import model

HEADER = model.HERE.parent.parent / "libibverbs" / "vfiowc_order.h"
PROBE = model.HERE / "probe"

# call: (the C statement, what stands around it)
CALLS = {
    "vfiowc_wc_flush": ("vfiowc_wc_flush()", "store"),
    "vfiowc_ring32": ("vfiowc_ring32(bar, 7)", "store"),
    "vfiowc_ring64": ("vfiowc_ring64(bar, 7)", "store"),
    "vfiowc_ring32_wc": ("vfiowc_ring32_wc(bar, 7)", "store"),
    "vfiowc_ring64_wc": ("vfiowc_ring64_wc(bar, 7)", "store"),
    "vfiowc_deliver": ("vfiowc_deliver(bar)", "store"),
    "vfiowc_acquire": ("vfiowc_acquire()", "load"),
    "vfiowc_done_reading": ("vfiowc_done_reading()", "load"),
    "vfiowc_wc_unlock": ("vfiowc_wc_unlock((struct vfiowc_line_lock *)bar)", "store"),
}
# Modelled where they are used, built of the calls above.
MODELLED_IN_RULES = {"vfiowc_wc_unlock": "o10.pml"}
SAME_SEQUENCE = {"vfiowc_ring64": "vfiowc_ring32", "vfiowc_ring64_wc": "vfiowc_ring32_wc"}
# Inline in the header, parts of the calls above.
INTERNAL = {"vfiowc_order_before_bell", "vfiowc_order_before_wc_bell", "vfiowc_store32",
            "vfiowc_store64"}
# One step of the model: a spin around one locked instruction (tests/unit/order_calls.sh looks at it).
ATOMIC = {"vfiowc_wc_lock"}
COMPILERS = {
    "x86-64": (("x86_64-linux-gnu-gcc",), ("clang", "--target=x86_64-linux-gnu"), ("gcc", "-m64")),
    "arm64": (("aarch64-linux-gnu-gcc",), ("clang", "--target=aarch64-linux-gnu")),
}
FLAGS = ("-std=gnu11", "-O2", "-ffreestanding", "-fno-stack-protector", "-fomit-frame-pointer",
         "-fno-asynchronous-unwind-tables", "-S", "-o", "-", "-x", "c", "-")


@dataclass
class Comparison:
    call: str
    arch: str
    model: list
    header: list
    skipped: str = ""

    @property
    def equal(self):
        return not self.skipped and self.model == self.header


def of_model(arch):
    """{call: [instruction]} from the inlines; compiler barriers are no instructions."""
    name = "calls_arm64.pml" if arch == "arm64" else "calls_x86.pml"
    text = model.preprocess(model.HERE / "machine" / name, arch, (), line_markers=False)
    found = {}
    for call, body in inlines_of(text):
        names = re.findall(r"(\w+)\(", body)
        found[call] = [instruction(n) for n in names if n != "compiler_barrier"]
    for call, rule in MODELLED_IN_RULES.items():
        text = (model.HERE / "rules" / rule).read_text()
        body = dict(inlines_of(re.sub(r"^#.*$", "", text, flags=re.M)))[call]
        found[call] = [i for n in re.findall(r"(\w+)\(", body) for i in found.get(n, [instruction(n)])]
    return found


def inlines_of(text):
    return re.findall(r"inline (vfiowc_\w+)\([^)]*\)\s*\{(.*?)\}", text, re.S)


def instruction(name):
    if name.startswith(("st_", "ld_")):
        return "store" if name.startswith("st_") else "load"
    return name.replace("_", " ")


def probe_source(calls):
    lines = ["#include <stdint.h>"]
    for call in calls:
        statement, around = CALLS[call]
        if around == "store":
            lines.append(f"void probe_{call}(volatile void *bar, uint32_t *h)"
                         f" {{ *h = 1; {statement}; *h = 2; }}")
        else:
            lines.append(f"uint32_t probe_{call}(uint32_t *h)"
                         f" {{ uint32_t a = *h; {statement}; return a ^ *h; }}")
    return "\n".join(lines) + "\n"


def find_compiler(arch, path, source):
    """The first compiler that compiles the probe for arch; (assembly, "") or (None, reason)."""
    reason = f"no compiler for {arch} (gcc-aarch64-linux-gnu or clang)"
    for compiler in COMPILERS[arch]:
        if not shutil.which(compiler[0]):
            continue
        args = [*compiler, f"-I{PROBE}", "-include", str(path), *FLAGS]
        done = subprocess.run(args, input=source, capture_output=True, text=True)
        if not done.returncode:
            return done.stdout, ""
        reason = f"{compiler[0]}: {done.stderr.strip().splitlines()[0] if done.stderr else 'failed'}"
    return None, reason


def classify(line):
    """A fence, "store", "load", or None for what touches no memory."""
    op, _, operands = line.partition("\t")
    operands = operands.split("#")[0].split("//")[0].strip()
    if op in ("sfence", "mfence", "lfence"):
        return op
    if op in ("dmb", "dsb"):
        return f"{op} {operands}"
    if re.match(r"(str|stp|stur|stlr)\b", op):
        return "store"
    if re.match(r"(ldr|ldp|ldur|ldar)\b", op):
        return "load"
    if "(" in operands:
        return "store" if operands.endswith(")") else "load"
    return None


def of_assembly(text, call):
    body = re.search(rf"^probe_{call}:[^\n]*\n(.*?)^\s*\.size\s+probe_{call}\b", text, re.S | re.M)
    lines = (re.sub(r"\s+", "\t", l.strip(), count=1) for l in body[1].splitlines())
    kinds = (classify(l) for l in lines if l and not l.startswith((".", "#", "//")))
    return [k for k in kinds if k]


def compare(arch, path):
    """One Comparison per call of the model and per inline function of the header."""
    header = path.read_text()
    inlines = set(re.findall(r"^static inline \w+ (vfiowc_\w+)\(", header, re.M)) - INTERNAL - ATOMIC
    have = [c for c in CALLS if c in inlines]
    assembly, reason = find_compiler(arch, path, probe_source(have))
    expected = of_model(arch)
    for call in sorted(inlines - set(CALLS)):
        yield Comparison(call, arch, ["not modelled"], ["?"])
    for call, (_, around) in CALLS.items():
        sequence = expected[SAME_SEQUENCE.get(call, call)]
        if call not in have:
            yield Comparison(call, arch, sequence, [], "not in the header")
        elif assembly is None:
            yield Comparison(call, arch, sequence, [], reason)
        else:
            found = of_assembly(assembly, call)
            framed = found[:1] == [around] and found[-1:] == [around]
            yield Comparison(call, arch, sequence, found[1:-1] if framed else ["moved by the compiler"] + found)
