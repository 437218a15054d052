"""The shape of a result: one row is one figure, its target and whether it was met."""
from dataclasses import asdict, dataclass
from typing import Optional


@dataclass
class Row:
    """`met` is None where there is no target, or where the figure could not be measured."""
    section: str
    title: str
    figure: Optional[float]
    unit: str
    target: str = ""
    met: Optional[bool] = None
    note: str = ""

    def figure_text(self):
        if self.figure is None:
            return "not measured"
        return f"{self.figure:,.0f} {self.unit}" if abs(self.figure) >= 1000 else f"{self.figure:.4g} {self.unit}"

    def verdict(self):
        return {True: "met", False: "NOT MET", None: "no figure" if self.target and self.figure is None else ""}[self.met]

    def json(self):
        return asdict(self)


def at_most(section, title, figure, unit, limit, note=""):
    return Row(section, title, figure, unit, f"<= {limit:g} {unit}", figure <= limit, note)


def at_least(section, title, figure, unit, limit, note=""):
    return Row(section, title, figure, unit, f">= {limit:g} {unit}", figure >= limit, note)


def unmeasured(section, title, target, reason):
    return Row(section, title, None, "", target, None, reason)


def table(rows):
    """The rows as text, one line each, with a heading a section."""
    lines, section = [], None
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", section, "-" * len(section)]
        lines.append(f"{row.title:<58} {row.figure_text():>20}  {row.target:<16} {row.verdict():<8} {row.note}".rstrip())
    return "\n".join(lines)
