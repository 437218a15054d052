"""Draws times over counts as SVG lines; both axes are logarithmic. The look is that of chart.py."""
import math
from html import escape

from .chart import STYLE, TEXT

WIDTH, LEFT, RIGHT, TOP, PLOT, KEY = 860, 84, 36, 70, 340, 22
KEY_COLUMNS = 3
DASHES = {"dashed": "7 5", "dotted": "2 4"}


def decades(values):
    """The powers of ten that enclose the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return range(low, max(high, low + 1) + 1)


def time_label(us):
    if us < 1:
        return f"{us * 1e3:g} ns"
    if us < 1e3:
        return f"{us:g} us"
    return f"{us / 1e3:g} ms" if us < 1e6 else f"{us / 1e6:g} s"


def stroke(kind):
    """The attributes of a line: its kind is a colour's name and perhaps a dash's."""
    colour, _, dash = kind.partition(" ")
    return f'class="line {colour}-line"' + (f' stroke-dasharray="{DASHES[dash]}"' if dash else "")


def line_chart(title, subtitle, x_name, lines):
    """`lines` is a list of (label, [(count, microseconds)], kind); a figure that is not above 0 is left out."""
    lines = [(label, sorted((x, y) for x, y in points if y > 0), kind) for label, points, kind in lines]
    lines = [line for line in lines if line[1]]
    counts = sorted({x for _, points, _ in lines for x, _ in points})
    x_decades, y_decades = decades(counts), decades([y for _, points, _ in lines for _, y in points])
    bottom = TOP + PLOT
    height = bottom + 62 + KEY * math.ceil(len(lines) / KEY_COLUMNS)

    def across(count):
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(count) - x_decades[0]) / (x_decades[-1] - x_decades[0])

    def up(us):
        return bottom - PLOT * (math.log10(us) - y_decades[0]) / (y_decades[-1] - y_decades[0])

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
             f'aria-label="{escape(title)}" {TEXT}>', STYLE,
             f'<text x="16" y="26" font-size="17" font-weight="600">{escape(title)}</text>',
             f'<text x="16" y="46" class="quiet">{escape(subtitle)}</text>']
    for decade in y_decades:
        y = up(10.0 ** decade)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="quiet" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{time_label(10.0 ** decade)}</text>')
    for count in counts:
        x = across(count)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        parts.append(f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{count:,}</text>')
    middle = (LEFT + WIDTH - RIGHT) // 2
    parts.append(f'<text class="quiet" x="{middle}" y="{bottom + 36}" text-anchor="middle">{escape(x_name)}</text>')
    for _, points, kind in lines:
        parts.append(f'<polyline {stroke(kind)} points="' + " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points) + '"/>')
        parts += [f'<circle class="{kind.split()[0]}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5"/>' for x, y in points]
    parts += key(lines, bottom + 60)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def key(lines, top):
    """What each line is, in columns below the plot."""
    parts, column_width = [], (WIDTH - LEFT - RIGHT + 40) / KEY_COLUMNS
    rows = math.ceil(len(lines) / KEY_COLUMNS)
    for index, (label, _, kind) in enumerate(lines):
        x, y = LEFT - 40 + index // rows * column_width, top + index % rows * KEY
        parts.append(f'<line {stroke(kind)} x1="{x:.0f}" x2="{x + 30:.0f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{x + 38:.0f}" y="{y + 4}" font-size="13">{escape(label)}</text>')
    return parts
