#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""Is every rule of the ordering contract modelled, tested, cited? Is every man page that moves data bound?

    citations.py rules    each rule of Documentation/ordering.md's table has a model, a litmus test in
                          the guest that is run, a man page that cites it, and a row in the table of
                          tests; what the page says of models and tests exists
    citations.py pages    each man page of an ordering call cites its rule and the rule's model; each
                          other page cites the rules its reader must obey, or is listed below

Prints what is missing; exit status 1 then.
"""
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parent.parent.parent
CONTRACT = "Documentation/ordering.md"
LITMUS = "tests/guest/litmus.c"
HEADERS = ("libibverbs/vfiowc_order.h", "libibverbs/vfiowc_copy.h")
PAGES = ("libibverbs/man", "providers/vfiowc/man", "tools/man")

# Pages whose subject moves no data and makes none visible: no rule to obey. A new page is not here.
NO_DATA = {
    "vfiowc.1": "lists the commands",
    "vfiowc-bind.1": "drivers only",
    "vfiowc-info.1": "reads sysfs",
    "vfiowc-trace.1": "shows what others move",
    "vfiowc-witness.1": "reads a file after the guest has ended",
    "vfiowc_check_p2p.3": "reads sysfs",
    "vfiowc_query_buf.3": "asks the kernel",
    "vfiowc_query_device.3": "asks the kernel",
    "vfiowc_query_mr_tph.3": "asks the kernel",
    "vfiowc_query_routine.3": "chooses instructions; vfiowc_copy_to.3 has the rules",
    "vfiowc_version.3": "a string",
    "vfiowcdv_query_mr.3": "asks the kernel",
}


def read(path):
    return (TOP / path).read_text()


def contract_rules():
    """The ids in the first column of the table of rules."""
    table = read(CONTRACT).split("\n## Rules\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (O\d+[it]?) \|", table, re.M)


def model_path(rule):
    return f"tests/ordering/rules/{rule.lower()}.pml"


def section(text, title):
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    return found[1] if found else ""


def pages():
    return {p.name[:-3]: p.read_text() for folder in PAGES for p in sorted((TOP / folder).glob("*.md"))}


def cites(text, rule):
    """O5 in prose is both halves; O1 is not O10. "O1 to O4" names those between, too."""
    spans = [(int(a), int(b)) for a, b in re.findall(r"\bO(\d+) to O(\d+)\b", text)]
    number = int(re.sub(r"\D", "", rule))
    return bool(re.search(rf"\bO{number}(?:{rule[-1]})?\b" if rule[-1] in "it" else rf"\b{rule}\b", text)
                or any(a <= number <= b for a, b in spans))


def litmus_tests():
    """Test functions that litmus.c runs and that some file defines."""
    sources = "\n".join(p.read_text() for p in (TOP / "tests/guest").glob("litmus*.c"))
    run = re.findall(r"^\t\tlitmus_test\((\w+)\),$", read(LITMUS), re.M)
    return [name for name in run if re.search(rf"^void {name}\(void \*\*state\)$\n{{", sources, re.M)]


def check_rules():
    tests, contract, manual = litmus_tests(), read(CONTRACT), pages()
    table = section(contract, "Where each rule is tested")
    for rule in contract_rules():
        path = TOP / model_path(rule)
        mine = [t for t in tests if t.startswith(rule.lower() + "_")]
        if not path.exists() or " * @check " not in path.read_text():
            yield f"{rule} has no model {model_path(rule)}"
        if not mine:
            yield f"{rule} has no litmus test {rule.lower()}_... that {LITMUS} runs"
        if not any(cites(text, rule) for text in manual.values()):
            yield f"{rule} is cited by no man page"
        row = re.search(rf"^\| {rule} \|(.*)$", table, re.M)
        if not row or not all(f"`{name}`" in row[1] for name in [*mine, f"{rule.lower()}.pml"]):
            yield f"{rule}: the table in {CONTRACT} has no row with {', '.join(mine)} and its model"
    if len(set(contract_rules())) < 18:
        yield f"{CONTRACT}: the table of rules cannot be read"


def check_names():
    """Model files, their symbols, and litmus tests that the contract's prose names."""
    contract, tests = read(CONTRACT), litmus_tests()
    for name, symbols in re.findall(r"`(o\d+[it]?)\.pml`(?:[ \n]\(((?:[\w/]+,?\s*)+)\))?", contract):
        path = TOP / f"tests/ordering/rules/{name}.pml"
        text = path.read_text() if path.exists() else ""
        for symbol in re.findall(r"\b[A-Z]+_\w+", symbols) + ([] if text else [""]):
            if symbol not in text.split("*/")[1 if text.count("*/") > 1 else 0]:
                yield f"{CONTRACT} names {name}.pml {symbol}, which does not exist"
    for test in re.findall(r"`((?:o\d+[it]?|regress)_\w+)`", contract):
        if test not in tests:
            yield f"{CONTRACT} names the litmus test {test}, which is not run"
    for question in re.findall(r"^(\*\*.*?)(?=\n\n|\Z)", section(contract, "Questions"), re.M | re.S):
        if not re.search(r"\bO\d", question) or not re.search(r"`o\d+[it]?\.pml`", question):
            yield f"{CONTRACT}: no rule and model answers {question.split('**')[1]}"


def ordering_calls():
    text = "\n".join(read(h) for h in HEADERS if (TOP / h).exists())
    inline = re.findall(r"^static inline .*[ *](vfiowc_[a-z0-9_]+)\(", text, re.M)
    extern = re.findall(r"^[a-z].*[ *](vfiowc_[a-z0-9_]+)\(", text, re.M)
    return {c for c in inline + extern if not re.match(r"vfiowc_(store|order_before)", c)}


def check_pages():
    calls = ordering_calls()
    for name, text in pages().items():
        documented = set(re.findall(r"\b\w+\b", section(text, "NAME").split(" - ")[0]))
        rules = re.findall(r"\bO\d+[it]?\b", section(text, "NAME"))
        if name in NO_DATA:
            continue
        if documented & calls:
            if not rules:
                yield f"{name}: its NAME line does not say which rule it carries out"
            for rule in rules:
                if not re.search(rf"\b{rule.lower()}\.pml\b", text):
                    yield f"{name}: cites {rule} but not its model, {model_path(rule)}"
        elif not re.search(r"\bO\d+", text) or "vfiowc_order**(7)" not in text and name != "vfiowc_order.7":
            yield (f"{name}: names no rule (O1 to O17) of **vfiowc_order**(7) that its reader must obey;"
                   " a page about something that moves no data is listed in tests/ordering/citations.py")
    for path in re.findall(r"\bo\d\w*\.pml\b", "\n".join(pages().values())):
        if not (TOP / "tests/ordering/rules" / path).exists():
            yield f"a man page names the model {path}, which does not exist"
    for name in NO_DATA.keys() - pages().keys():
        yield f"tests/ordering/citations.py lists {name}, which does not exist"
    for path in sorted((TOP / "examples").glob("*.c")):
        if not re.search(r"\bO\d+", path.read_text()):
            yield f"examples/{path.name}: moves data and names no rule"


def main():
    subjects = {"rules": (check_rules, check_names), "pages": (check_pages,)}
    if len(sys.argv) != 2 or sys.argv[1] not in subjects:
        print(__doc__, file=sys.stderr)
        return 2
    missing = list(dict.fromkeys(m for check in subjects[sys.argv[1]] for m in check()))
    print("\n".join(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
