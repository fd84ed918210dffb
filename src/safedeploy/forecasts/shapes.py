"""Shapes: what pictures are made of, as pieces of SVG for light and for dark pages."""

from __future__ import annotations

from html import escape


def opened(width: float, height: float) -> str:
    """Return the begin of a picture, as wide as that at most. Close it with `</svg>`."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' style="max-width: {width}px" font-family="system-ui, sans-serif" font-size="12"'
        ' fill="currentColor">'
    )


def text(
    x: float, y: float, words: str, *, anchor: str = "start", weight: str = "", opacity: float = 1
) -> str:
    """Return words at a place: their begin, "middle" or "end" stands on it."""
    style = f' font-weight="{weight}"' if weight else ""
    style += f' opacity="{opacity:g}"' if opacity < 1 else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{said(words)}</text>'


def line(x: float, y: float, to_x: float, to_y: float, *, opacity: float) -> str:
    """Return a line from a place to another."""
    ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {ends} stroke="currentColor" opacity="{opacity:g}"/>'


def rectangle(
    x: float, y: float, width: float, height: float, fill: str, *, opacity: float = 0.88
) -> str:
    """Return a rectangle, by its upper left corner."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{fill}" fill-opacity="{opacity:g}"/>'


def percentage(share: float) -> str:
    """Return a share of 0..1 as people read it."""
    return f"{100 * share:.3g} %"


def said(words: str) -> str:
    """Return words that can't be taken for markup, and that XML can hold."""
    return escape(printable(words))


def printable(words: str) -> str:
    """Return words that move no cursor, and that XML can hold."""
    return "".join(char if char.isprintable() else "?" for char in words)
