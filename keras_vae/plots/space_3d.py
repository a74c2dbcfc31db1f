"""Three latent units drawn as a three-dimensional space in orthographic projection."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection

from keras_vae import geometry
from keras_vae._utils import checks, palette
from keras_vae.plots import labels as class_labels
from keras_vae.plots import visuals

AZIMUTH, ELEVATION = 30.0, 18.0  # degrees, the direction of the view in a still
CIRCLE_POINTS = 97


def limit(mean: np.ndarray) -> float:
    """Half the side of a view that shows nearly all codes, and the prior's 2σ sphere, from every direction.

    Args:
        mean: codes `(n, 3)`.

    Example:
        >>> limit(np.zeros((5, 3)))
        2.4
    """
    mean = checks.array("mean", mean, ("n", 3), dtype=None)
    return max(2.4, 1.06 * float(np.quantile(np.linalg.norm(mean, axis=1), 0.995)))


class Guides:
    """The three axes and the great circles of the prior's 2σ sphere, which show the direction of the view.

    Args:
        ax: to draw on; its view must hold ±3.
        units: the names of the three axes; default 0, 1, 2.
        standard_normal: whether the prior is N(0, I); of another, no circles are drawn.
    """

    def __init__(self, ax: Axes, units: np.ndarray | tuple[int, ...] | None = None, standard_normal: bool = True):
        self.ax = ax
        angle = np.linspace(0, 2 * np.pi, CIRCLE_POINTS)
        circle = 2 * np.column_stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)])
        self._circles = [circle, circle[:, [0, 2, 1]], circle[:, [2, 0, 1]]]
        self.fit(max(ax.get_xlim()))
        style: dict[str, Any] = {"animated": True, "clip_on": False}
        self.circles = LineCollection([], colors=palette.PRIOR, linewidths=0.6, visible=standard_normal, **style)
        self.axes = LineCollection([], colors=palette.INK, linewidths=0.9, alpha=0.55, **style)
        for collection in (self.circles, self.axes):
            ax.add_collection(collection)
        names = range(3) if units is None else checks.array("units", units, (3,), dtype="int64", low=0)
        text: dict[str, Any] = {"fontsize": visuals.SMALL_POINTS, "color": palette.INK, "ha": "center", "va": "center"}
        self.names = [ax.text(0, 0, f"unit {name}", **text, **style) for name in names]

    def fit(self, limit: float) -> None:
        """Sets the length of the axes to a view of half the side `limit`; `turn` then moves them."""
        self._limit = limit
        self._ends = 0.9 * limit * np.eye(3)

    def turn(self, view: np.ndarray) -> None:
        """Sets the view, a matrix `(3, 3)` from `geometry.view_from`; what lies behind the origin is paler."""
        halves, shades = [], []
        for circle in self._circles:
            seen = circle @ view
            segments = np.stack([seen[:-1], seen[1:]], axis=1)
            halves.append(segments[..., :2])
            shades.append(np.where(segments[..., 2].mean(axis=1) > 0, 0.55, 0.18))
        self.circles.set(segments=np.concatenate(halves), alpha=np.concatenate(shades))
        ends = self._ends @ view
        self.axes.set(segments=np.stack([np.zeros((3, 2)), ends[:, :2]], axis=1))
        for name, end in zip(self.names, ends, strict=True):
            # Beyond the end of the axis; the bound keeps the name close where the axis points towards the viewer.
            length = max(float(np.linalg.norm(end[:2])), 0.3 * self._limit)
            name.set_position(end[:2] * (1 + 0.06 * self._limit / length))

    def draw(self) -> None:
        """Draws the guides over the present content of the canvas, as an animation does."""
        for artist in (self.circles, self.axes, *self.names):
            self.ax.draw_artist(artist)


class Cloud:
    """Codes of three latent units coloured by label, with `Guides`.

    Args:
        ax: to draw on.
        mean: codes `(n, 3)`.
        labels: `(n,)` integers or None.
        limit: half the side of the view, in data units.
        units: the names of the three axes; default 0, 1, 2.
        standard_normal: whether the prior is N(0, I), whose rings and great circles are then drawn.

    Attributes:
        points: the scatter of the codes.
        guides: the axes and circles.

    Example:
        >>> from matplotlib.figure import Figure
        >>> cloud = Cloud(Figure().subplots(), np.zeros((4, 3)), None, limit=3.0)
        >>> cloud.turn(azimuth=90, elevation=0)
        >>> len(cloud.points.get_offsets())
        4
    """

    def __init__(
        self,
        ax: Axes,
        mean: np.ndarray,
        labels: np.ndarray | None,
        limit: float,
        units: np.ndarray | tuple[int, ...] | None = None,
        standard_normal: bool = True,
    ):
        self.mean = checks.array("mean", mean, ("n", 3))
        self.colors = class_labels.label_colors(labels, len(self.mean))
        self._paths = class_labels.marker_paths(labels, len(self.mean))
        limit = checks.number("limit", limit, 0, open_low=True)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
        ax.set_axis_off()
        if standard_normal:
            visuals.prior_rings(ax, limit)
        self.guides = Guides(ax, units, standard_normal)
        size = np.clip(20_000 / len(self.mean), 3, 30)
        self.points: PathCollection = ax.scatter(self.mean[:, 0], self.mean[:, 1], s=size, linewidths=0)
        self.turn(AZIMUTH, ELEVATION)

    def turn(self, azimuth: float, elevation: float) -> None:
        """Sets the direction of the view, in degrees; near points cover far ones, which are paler."""
        view = geometry.view_from(azimuth, elevation)
        self.guides.turn(view)
        seen = self.mean @ view
        nearest_last = np.argsort(seen[:, 2])
        rank = np.linspace(0.25, 0.85, len(seen))
        self.points.set_offsets(seen[nearest_last, :2])
        self.points.set_paths([self._paths[i] for i in nearest_last])
        self.points.set(facecolor=np.column_stack([self.colors[nearest_last], rank]))
