#!/usr/bin/env python3
"""Bars and histograms of what the benchmarks print as JSON, as SVG on standard output.

  bench/plot.py bars FILE [--title T]        rows of incast.py -o json or weft-bench-srd-virtual incast --json: round p50 and p99
  bench/plot.py histogram FILE [--title T]   rows of weft-bench-srd-virtual recovery --json: how much later what was lost came

FILE is a JSON list, or one object a line; `-` is standard input. --only keeps rows whose name contains a text.
"""
import argparse
import json
import sys
from html import escape

LEFT, RIGHT, TOP = 210, 640, 40
DARK, LIGHT = "#27a", "#9cd"


def rows_of(file, only):
    text = (sys.stdin if file == "-" else open(file)).read()
    rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line.strip()]
    kept = [row for row in rows if only in row["name"]]
    if not kept:
        raise SystemExit(f"plot.py: no row of {file} has {only!r} in its name")
    return kept


def begin(title, width, height):
    return [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' font-family='sans-serif' font-size='12'>",
            f"<rect width='{width}' height='{height}' fill='white'/>",
            f"<text x='{width / 2:.0f}' y='20' text-anchor='middle'>{escape(title)}</text>"]


def text(x, y, words, anchor="start"):
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'>{escape(words)}</text>"


def bars(rows, title):
    """Each row's median (dark) and 99th percentile (light), in multiples of what the link needs."""
    most = max(row["round_p99_us"] / row["ideal_us"] for row in rows)
    scale = (RIGHT - LEFT) / most
    svg = begin(title, 720, TOP + 34 * len(rows) + 30)
    for number, row in enumerate(rows):
        y = TOP + 34 * number
        svg.append(text(LEFT - 8, y + 17, row["name"], "end"))
        for key, colour in (("round_p99_us", LIGHT), ("round_p50_us", DARK)):
            svg.append(f"<rect x='{LEFT}' y='{y + 2}' width='{row[key] / row['ideal_us'] * scale:.1f}' height='22' fill='{colour}'/>")
        svg.append(text(LEFT + row["round_p99_us"] / row["ideal_us"] * scale + 5, y + 17,
                        f"{row['round_p50_us'] / row['ideal_us']:.2f} / {row['round_p99_us'] / row['ideal_us']:.2f}"))
    one = LEFT + scale
    bottom = TOP + 34 * len(rows)
    svg.append(f"<line x1='{one:.1f}' x2='{one:.1f}' y1='{TOP - 6}' y2='{bottom}' stroke='#c33' stroke-dasharray='4'/>")
    svg.append(text(LEFT, bottom + 18, "a round's time, of what the link needs for its bytes (dashed): median dark, 99th percentile light"))
    return svg + ["</svg>"]


def histogram(rows, title):
    """Of each row, the share of lost packets by how many round trips later they came."""
    bins, most_bin = 24, 6.0
    svg = begin(title, 720, TOP + 90 * len(rows) + 40)
    width = (RIGHT - LEFT) / bins
    for number, row in enumerate(rows):
        counts = [0] * bins
        for us in row["later_us"]:
            counts[min(int(us / row["round_trip_us"] / most_bin * bins), bins - 1)] += 1
        bottom = TOP + 90 * number + 70
        svg.append(text(LEFT - 8, bottom - 30, row["name"], "end"))
        svg.append(text(LEFT - 8, bottom - 14, f"round trip {row['round_trip_us']:.0f} us, {len(row['later_us'])} lost", "end"))
        for at, count in enumerate(counts):
            tall = 66 * count / max(max(counts), 1)
            svg.append(f"<rect x='{LEFT + at * width:.1f}' y='{bottom - tall:.1f}' width='{width - 1:.1f}' height='{tall:.1f}' fill='{DARK}'/>")
        svg.append(f"<line x1='{LEFT}' x2='{RIGHT}' y1='{bottom}' y2='{bottom}' stroke='#999'/>")
    bottom = TOP + 90 * len(rows)
    for trips in range(int(most_bin) + 1):
        svg.append(text(LEFT + trips / most_bin * (RIGHT - LEFT), bottom + 4, f"{trips}" + ("+" if trips == most_bin else ""), "middle"))
    svg.append(text(LEFT, bottom + 24, "round trips by which a packet came later for having been lost once"))
    return svg + ["</svg>"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("kind", choices=["bars", "histogram"])
    p.add_argument("file")
    p.add_argument("--title", default="")
    p.add_argument("--only", default="", help="rows whose name contains this")
    arguments = p.parse_args()
    draw = bars if arguments.kind == "bars" else histogram
    print("\n".join(draw(rows_of(arguments.file, arguments.only), arguments.title)))


if __name__ == "__main__":
    main()
