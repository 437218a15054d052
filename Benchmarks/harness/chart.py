"""Draws the cost of a call, tracer by tracer, as an SVG bar chart with a logarithmic axis."""
import math
from html import escape

WIDTH, LABEL, VALUE, BAR, GAP, TOP, BOTTOM = 860, 300, 80, 22, 10, 64, 48

TEXT = 'font-family="system-ui, sans-serif" font-size="14"'
# The colours of every chart, by kind, for light and dark pages.
STYLE = ("<style>text{fill:#1f2328}.quiet{fill:#59636e;font-size:12px}.grid{stroke:#d1d9e0}"
         ".line{fill:none;stroke-width:2}"
         ".base{fill:#8c959f}.nopal{fill:#1a7f37}.peer{fill:#0969da}.other{fill:#9a6700}.third{fill:#8250df}"
         ".base-line{stroke:#8c959f}.nopal-line{stroke:#1a7f37}.peer-line{stroke:#0969da}"
         ".other-line{stroke:#9a6700}.third-line{stroke:#8250df}"
         "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}"
         ".grid{stroke:#3d444d}.nopal{fill:#3fb950}.peer{fill:#4493f8}.other{fill:#d29922}.third{fill:#ab7df8}"
         ".nopal-line{stroke:#3fb950}.peer-line{stroke:#4493f8}.other-line{stroke:#d29922}.third-line{stroke:#ab7df8}}"
         "</style>")


def bar_chart(title, subtitle, bars):
    """`bars` is a list of (label, nanoseconds, kind); kind is "base", "nopal" or "peer"."""
    low = 10 ** math.floor(math.log10(min(value for _, value, _ in bars)))
    high = 10 ** math.ceil(math.log10(max(value for _, value, _ in bars)))
    plot = WIDTH - LABEL - VALUE
    height = TOP + len(bars) * (BAR + GAP) + BOTTOM

    def place(value):
        return LABEL + plot * math.log10(value / low) / math.log10(high / low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" {TEXT}>',
        STYLE,
        f'<text x="16" y="26" font-size="17" font-weight="600">{escape(title)}</text>',
        f'<text x="16" y="46" class="quiet">{escape(subtitle)}</text>',
    ]
    bottom = height - BOTTOM + 6
    for exponent in range(round(math.log10(low)), round(math.log10(high)) + 1):
        x = place(10.0 ** exponent)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}"/>')
        parts.append(f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">'
                     f"{10.0 ** exponent:g} ns</text>")
    for index, (label, value, kind) in enumerate(bars):
        y = TOP + index * (BAR + GAP)
        parts.append(f'<text x="{LABEL - 10}" y="{y + 16}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect class="{kind}" x="{LABEL}" y="{y}" rx="3" '
                     f'width="{max(place(value) - LABEL, 2):.1f}" height="{BAR}"/>')
        parts.append(f'<text x="{place(value) + 8:.1f}" y="{y + 16}">{value:.3g} ns</text>'
                     if value < 1000 else
                     f'<text x="{place(value) + 8:.1f}" y="{y + 16}">{value:,.0f} ns</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
