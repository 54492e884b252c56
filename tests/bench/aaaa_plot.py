# SPDX-License-Identifier: GPL-2.0-or-later
"""The result of the AAAA bench as an SVG: bars, readable on a light and on a dark ground."""
from xml.sax.saxutils import escape

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.note { fill: #59636e }
.axis { stroke: #d1d9e0 }
.ground { fill: #ffffff }
.nsctl { fill: #1f6feb }
.other { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #9198a1 }
  .axis { stroke: #3d444d }
  .ground { fill: #0d1117 }
  .nsctl { fill: #58a6ff }
  .other { fill: #6e7681 }
}
"""
LEFT, BAR, WIDTH, LINE = 150, 330, 620, 24
PANELS = (("AAAA answered per second, 64 in flight", "64", "rate", lambda v: f"{v / 1000:.0f} k"),
          ("processor time per query, µs", "64", "cpu_us", lambda v: f"{v:.1f}"),
          ("time to an answer (p50), µs, 1 in flight", "1", "p50_us", lambda v: f"{v:.0f}"))


def panel(parts, y, title, rows, write_value):
    """A title, and a bar for each row (label, class, value); returns where the next may begin."""
    parts.append(f'<text class="title" x="16" y="{y + 20}">{escape(title)}</text>')
    y += 32
    top = max(value for _, _, value in rows)
    height = LINE * len(rows)
    parts.append(f'<line class="axis" x1="{LEFT}" y1="{y}" x2="{LEFT}" y2="{y + height}"/>')
    for label, kind, value in rows:
        width = max(BAR * value / top, 1)
        parts.append(f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect class="{kind}" x="{LEFT}" y="{y + 4}" width="{width:.1f}" height="15"/>')
        parts.append(f'<text class="note" x="{LEFT + width + 6:.1f}" y="{y + 16}">'
                     f'{escape(write_value(value))}</text>')
        y += LINE
    return y + 12


def write(path, result, titles):
    """A column of panels for each hook. What only drops waits for its client on the input hook: no floor."""
    def belongs(way, hook, case):
        return case in result[way].get(hook, {}) and (way, hook) != ("floor", "input")

    parts, y = [], 8
    for hook in ("output", "input"):
        for title, case, key, write_value in PANELS:
            rows = [(titles[way], "nsctl" if way == "nsctl" else "other",
                     result[way][hook][case][key]) for way in result if belongs(way, hook, case)]
            if rows:
                y = panel(parts, y, f"{hook} hook: {title}", rows, write_value)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
                   f'viewBox="0 0 {WIDTH} {y}"><style>{STYLE}</style>'
                   f'<rect class="ground" width="{WIDTH}" height="{y}"/>\n')
        file.write("\n".join(parts))
        file.write("\n</svg>\n")
