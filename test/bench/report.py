# SPDX-License-Identifier: GPL-2.0
"""From the lines that the guests print to a table, a JSON file and a picture."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rows import BOUNDS, ROWS, SIDES, Bound, Figure

LINE = re.compile(r"row (\S+) side (\S+) round (\d+) ops (\d+) total (\d+) guest (\d+)$")


@dataclass
class Cell:
    """What one side needed for one row: instructions (or ns) for an operation, round by round."""
    ops: int = 0
    total: list[float] = field(default_factory=list)
    guest: list[float] = field(default_factory=list)

    def value(self, clock: str = "total") -> float:
        return median(getattr(self, clock))

    def spread(self, clock: str = "total") -> float:
        """The distance between the rounds that differ most, as a part of the median."""
        figures = getattr(self, clock)
        return (max(figures) - min(figures)) / median(figures) if median(figures) else 0.0


Table = dict[tuple[str, str], Cell]


def parse(lines: list[str]) -> tuple[Table, list[str]]:
    """The cells, and what failed. The row "all" of nothing at all is a failure too."""
    table: Table = {}
    failures = []
    for line in lines:
        found = LINE.search(line)
        if found:
            cell = table.setdefault((found[1], found[2]), Cell())
            ops = int(found[4])
            cell.ops += ops
            cell.total.append(int(found[5]) / ops)
            cell.guest.append(int(found[6]) / ops)
        elif re.match(r"failed ", line):
            failures.append(line)
    return table, failures


def _figure(table: Table, figure: Figure) -> float | None:
    cell = table.get((figure.row, figure.side))
    return cell.value(figure.clock) if cell else None


def ratios(table: Table) -> list[tuple[Bound, float]]:
    """For every bound whose two figures are there: what is."""
    found = []
    for bound in BOUNDS:
        of, by = _figure(table, bound.of), _figure(table, bound.by) if bound.by else 1.0
        if of is not None and by:
            found.append((bound, of / by))
    return found


def _number(value: float) -> str:
    return f"{value / 1000:.1f}k" if value >= 100 else f"{value:.2f}"


def table_text(table: Table, unit: str) -> str:
    """The table for people; one line for a row and a side."""
    out = [f"{'row':36} {'side':16} {'total':>9} {'spread':>7} {'guest':>9} {'of kernel':>10}   ({unit})"]
    for row in ROWS:
        base = table.get((row.name, "kernel"))
        for side, title in SIDES.items():
            cell = table.get((row.name, side))
            if not cell:
                continue
            against = f"{cell.value() / base.value():.3f}" if base and side != "kernel" else ""
            out.append(f"{row.title:36} {title:16} {_number(cell.value()):>9} {cell.spread():>7.1%} "
                       f"{_number(cell.value('guest')):>9} {against:>10}")
    return "\n".join(out)


def bounds_text(table: Table) -> tuple[str, int]:
    """A line for each bound, and how many are not met."""
    out, over = [], 0
    for bound, ratio in ratios(table):
        met = ratio <= bound.most
        over += not met
        out.append(f"{'met ' if met else 'OVER'}  {str(bound.of):28} / {str(bound.by or '1'):28} "
                   f"{ratio:6.3f}  at most {bound.most:.2f}")
    return "\n".join(out), over


def write_json(path: Path, table: Table, facts: dict) -> None:
    rows = {}
    for (row, side), cell in sorted(table.items()):
        rows.setdefault(row, {})[side] = {
            "ops": cell.ops, "total": round(cell.value(), 2), "spread": round(cell.spread(), 5),
            "guest": round(cell.value("guest"), 2), "rounds": [round(v, 2) for v in cell.total]}
    bounds = [{"of": str(b.of), "by": str(b.by or 1), "ratio": round(r, 4), "at_most": b.most, "met": r <= b.most}
              for b, r in ratios(table)]
    path.write_text(json.dumps({**facts, "rows": rows, "bounds": bounds}, indent=1) + "\n")


# ---- the picture ---------------------------------------------------------------------------

COLOURS = {"kernel": "#8a8f98", "xs": "#2f6fb2", "floor": "#c9ccd1", "share": "#5fa05f", "kernel-share": "#b08a3c"}
LEFT, BAR, GAP, WIDTH, PLOT = 270, 14, 14, 900, 520


def _text(x: float, y: float, words: str, more: str = "") -> str:
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{words}</text>'


def write_svg(path: Path, table: Table, heading: str) -> None:
    """Bars, each as long as its ratio to the kernel's figure of the same row; a row without one has its own scale."""
    parts, y = [], 64
    legend = LEFT
    for side in SIDES:
        if any(key[1] == side for key in table):
            parts.append(f'<rect x="{legend}" y="34" width="12" height="12" fill="{COLOURS[side]}"/>')
            parts.append(_text(legend + 17, 45, SIDES[side]))
            legend += 125
    for row in ROWS:
        cells = {side: table[row.name, side] for side in SIDES if (row.name, side) in table}
        if not cells:
            continue
        base = table.get((row.name, "kernel")) or table.get(("read", "kernel")) or max(
            cells.values(), key=lambda cell: cell.value())
        parts.append(_text(LEFT - 8, y + BAR - 3, row.title, 'text-anchor="end"'))
        for side, cell in cells.items():
            length = PLOT / 1.15 * min(cell.value() / base.value(), 1.15)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{COLOURS[side]}"/>')
            parts.append(_text(LEFT + length + 5, y + BAR - 3, _number(cell.value())))
            y += BAR
        y += GAP
    line = LEFT + PLOT / 1.15
    parts.append(f'<line x1="{line:.1f}" y1="56" x2="{line:.1f}" y2="{y}" stroke="#555" stroke-dasharray="3 3"/>')
    parts.append(_text(line, y + 14, "1.0 of the kernel's", 'text-anchor="middle"'))
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 24}" '
                    f'font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n'
                    + _text(12, 20, heading, 'font-size="14" font-weight="bold"') + "\n" + "\n".join(parts)
                    + "\n</svg>\n")
