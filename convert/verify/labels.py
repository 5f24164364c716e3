"""Labels beside points of a plot, each where it covers neither a point nor another label."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where a label may stand, best first: its offset from the point, in typographic points, and its alignment.
_PLACES = (
    ((12, 0), "left", "center"),
    ((-12, 0), "right", "center"),
    ((0, 13), "center", "bottom"),
    ((12, 14), "left", "bottom"),
    ((-12, 14), "right", "bottom"),
    ((0, -13), "center", "top"),
    ((12, -14), "left", "top"),
    ((-12, -14), "right", "top"),
    ((34, 22), "left", "bottom"),
    ((-34, -22), "right", "top"),
    ((34, -22), "left", "top"),
    ((-34, 22), "right", "bottom"),
)
_POINT_PIXELS = 11

Labelled = tuple[float, float, str, str]


def place_labels(axes: "Axes", labels: Sequence[Labelled]) -> None:
    """Write labels of (x, y, text, colour) in data coordinates; the axes' limits must be final.

    They keep clear of what is written there already, and of the axes' lines. Greedy: each takes the first of
    a few places that is free, or the last if none is.
    """
    from matplotlib.transforms import Bbox  # noqa: PLC0415  # as in `picture`

    # Only then is it known where on the picture the axes are.
    if (figure := axes.get_figure(root=True)) is not None:
        figure.draw_without_rendering()
    frame = axes.get_window_extent()
    middles = [axes.transData.transform((x, y)) for x, y, _, _ in labels]
    taken = [Bbox([middle - _POINT_PIXELS, middle + _POINT_PIXELS]) for middle in middles]
    taken += [text.get_window_extent() for text in axes.texts]
    taken += [line.get_window_extent() for line in axes.lines]
    for x, y, text, colour in labels:
        label = axes.annotate(
            text,
            (x, y),
            xytext=(0, 0),
            textcoords="offset points",
            color=colour,
            fontsize=9,
            linespacing=1.1,
        )
        for offset, horizontal, vertical in _PLACES:
            label.set(position=offset, horizontalalignment=horizontal, verticalalignment=vertical)
            box = label.get_window_extent()
            inside = all(frame.contains(*corner) for corner in box.corners())
            if inside and not box.count_overlaps(taken):
                break
        taken.append(box)
        axes.annotate(
            "",
            (x, y),
            xytext=offset,
            textcoords="offset points",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 5},
        )
