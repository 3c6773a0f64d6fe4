# SPDX-License-Identifier: GPL-2.0
"""Small changes to C code, each of which a test should notice."""
from __future__ import annotations

import dataclasses
import re
from typing import Iterator

# Not code: comments, strings and characters, the preprocessor's lines.
BLANK = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|'
                   r"^#(?:[^\n\\]|\\.|\\\n)*", re.S | re.M)
TOKEN = re.compile(r"->|<<=|>>=|<<|>>|\+\+|--|[<>=!+\-*/%&|^]=|&&|\|\||\b\d+u?\b|\b\w+\b|[<>+\-*/%&|!~]")
OTHER = {"<": ["<="], "<=": ["<"], ">": [">="], ">=": [">"], "==": ["!="], "!=": ["=="],
         "&&": ["||"], "||": ["&&"], "+=": ["-="], "-=": ["+="], "++": ["--"], "--": ["++"],
         "<<": [">>"], ">>": ["<<"], "|": ["&"], "true": ["false"], "false": ["true"], "!": [""]}
BINARY = {"+": ["-"], "-": ["+"], "*": ["+"], "/": ["*"], "%": ["/"], "&": ["|"]}
STATEMENT = re.compile(r"^\t+(?!return\b|goto\b|case\b|default\b|struct\b|static\b|const\b|enum\b)"
                       r"(?:[\w*(][^;{}\n]*(?:\n\t+ *[^;{}\n]+)*);[ \t]*$", re.M)
DECLARATION = re.compile(r"\t+(?:u8|u16|u32|u64|int|bool|char|size_t|void)\b")
RETURN = re.compile(r"^\t+return (-E\w+);", re.M)
CONDITION = re.compile(r"\b(?:if|while) (\()")
FUNCTION = re.compile(r"^\w[^;{}]*?\b(\w+)\([^;{}]*\)\n{", re.M)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change: where it is, in words that outlive changes elsewhere in the file, and its text."""
    file: str
    function: str
    line: str           # as it stands, without what is around it
    what: str
    text: str = dataclasses.field(compare=False, repr=False)    # of the whole file
    span: tuple[int, int] = dataclasses.field(compare=False)    # its function in the file as it is

    longer: int = dataclasses.field(compare=False)              # by so much than the file as it is

    @property
    def source(self) -> str:
        """The function with the change; empty for a change that is in none."""
        return self.text[self.span[0]:self.span[1] + self.longer] if self.span[1] else ""

    @property
    def name(self) -> str:
        return f"{self.file} {self.function}: {self.what}\n\t{self.line}"


def blanked(text: str) -> str:
    """The same with all that is no code as blanks."""
    return BLANK.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def closing(code: str, at: int) -> int:
    """Where the bracket that opens at @at closes."""
    depth = 0
    for i in range(at, len(code)):
        depth += (code[i] == "(") - (code[i] == ")")
        if not depth:
            return i
    raise ValueError("a bracket does not close")


def changes(code: str) -> Iterator[tuple[int, int, str, str]]:
    """From, to, what stands there then, and that in words."""
    for m in TOKEN.finditer(code):
        old, before = m[0], code[:m.start()].rstrip()[-1:]
        new = list(OTHER.get(old, []))
        if old in BINARY and (before.isalnum() or before in ("_", ")", "]")) and \
                not re.search(r"(return|\b(u32|u8|char|void|int|bool|const|\w+_t))\s*$|struct \w+\s*$",
                              code[:m.start()]) and code[m.start() - 1] == " " == code[m.end()]:
            new = BINARY[old]
        elif re.fullmatch(r"\d+u?", old):
            value = int(old.rstrip("u"))
            new = [str(value + 1)] + ([str(value - 1)] if value else [])
        for one in new:
            yield m.start(), m.end(), one, f"{old} becomes {one or 'nothing'}"
    for m in CONDITION.finditer(code):
        end = closing(code, m.start(1))
        yield m.start(1), end + 1, f"(!({code[m.start(1) + 1:end]}))", "the condition is turned round"
    for m in STATEMENT.finditer(code):
        if not DECLARATION.match(m[0]):
            start = m.start() + len(m[0]) - len(m[0].lstrip())
            yield start, m.end(), ";", "the statement is left out"
    for m in RETURN.finditer(code):
        yield m.start(1), m.end(1), "0", f"{m[1]} becomes 0"


def table_cells(code: str) -> Iterator[tuple[int, int, str, str]]:
    """Each cell of the handshake's table becomes each other word."""
    words = re.findall(r"^#define (\w+)\t+\{ XENBUS_", code, re.M)
    for row in re.finditer(r"^/\*.{8}\s*\*/ (\{ .* \}),$", code, re.M):
        for cell in re.finditer(r"\b[A-Z]+\b", row[1]):
            start = row.start(1) + cell.start()
            column = len(re.findall(r"\b[A-Z]+\b", row[1][:cell.start()])) + 1
            for word in words:
                if word != cell[0]:
                    yield (start, start + len(cell[0]), word,
                           f"{cell[0]} in column {column} becomes {word}")


def mutants(file: str, text: str) -> list[Mutant]:
    """All changes of a file, in the order in which they stand there."""
    code = blanked(text)
    heads = [(m.start(), m[1]) for m in FUNCTION.finditer(code)]
    body = [(start, code.index("\n}\n", start)) for start, _ in heads]
    found, seen = [], {}
    everything = [c for c in changes(code)
                  if any(start <= c[0] < end for start, end in body)] + list(table_cells(text))
    for start, end, new, what in sorted(everything):
        at, function, last = next(((at, name, last) for (at, name), (_, last) in zip(heads, body)
                                   if at <= start < last), (0, "table", -3))
        if start < code.find("{\n", at) and function != "table":
            continue                    # the function's head is its type
        line = text[text.rfind("\n", 0, start) + 1:text.find("\n", start)].strip()
        # The code itself and not its blanks: a condition keeps its strings.
        if what.startswith("the condition"):
            new = f"(!({text[start + 1:end - 1]}))"
        key = (function, line, what)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] > 1:
            what += f" ({seen[key]})"
        found.append(Mutant(file, function, line, what, text[:start] + new + text[end:],
                            (at, last + 3), len(new) - (end - start)))
    return found


# Which change is made is said from outside, once for each run of the program.
PRELUDE = """static int the_change;
extern char *getenv(const char *);
extern int atoi(const char *);
__attribute__((constructor)) static void choose_the_change(void)
{
	the_change = getenv("THE_CHANGE") ? atoi(getenv("THE_CHANGE")) : 0;
}
"""


def arguments(params: str) -> str:
    """The names of a function's parameters, for a call."""
    depth, parts = 0, [""]
    for c in params:
        depth += (c == "(") - (c == ")")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    names = [re.search(r"\(\*(\w+)\)|(\w+)\W*$", part) for part in parts if part.strip() != "void"]
    return ", ".join(m[1] or m[2] for m in names if m)


def merged(text: str, chosen: dict[int, Mutant]) -> tuple[str, dict[int, range]]:
    """The file with all those changes in it, from number 1 on, of which $THE_CHANGE is made; and
    the lines of each. A function is there once for each of its changes, and one that chooses.
    A change that is in no function is alone, and made."""
    for mutant in chosen.values():
        if not mutant.source:
            return mutant.text, {}
    out, at, lines = PRELUDE, 0, {}
    for span in sorted({m.span for m in chosen.values()}):
        whole = text[span[0]:span[1]]
        head = whole[:whole.index("\n{\n")]
        name, params = re.search(r"\b(\w+)\((.*)\)$", re.sub(r"\s+", " ", head)).groups()
        out += f"{text[at:span[0]]}{head};\n"
        mine = {n: m.source for n, m in chosen.items() if m.span == span}
        for number, source in {0: whole, **mine}.items():
            copy = re.sub(rf"\b{name}\(", f"{name}__{number}(", source, count=1)
            first = out.count("\n") + 1
            out += copy if copy.startswith("static ") else "static " + copy
            lines[number] = range(first, out.count("\n") + 1)
        out += f"{head}\n{{\n\tswitch (the_change) {{\n"
        for number in [*mine, 0]:
            case = f"case {number}" if number else "default"
            out += f"\t{case}:\n\t\treturn {name}__{number}({arguments(params)});\n"
        out += "\t}\n}\n"
        at = span[1]
    lines.pop(0, None)
    return out + text[at:], lines
