"""The package's colours by meaning: one palette for figures, videos and pages."""

# Distributions over the latent space.
PRIOR = "#6b7480"
AGGREGATE_POSTERIOR = "#1f6fb4"
POSTERIOR = "#e07b1f"  # q(z | x) of one image, N(μ, σ²)
UNIT_VARIANCE_POSTERIOR = "#8e5bb8"  # N(μ, I) around the code of one image
MUTUAL_INFORMATION = "#e3b95c"  # I(x; z), the part of the mean KL that is not KL(q(z) ‖ p)

# The loss and its parts: lightness L* of 24, 57 and 39, so that greyscale separates them as well.
LOSS = "#333a45"
RECONSTRUCTION = "#2a9d5c"
KL = "#b02a45"

# Parts of an objective, by position in a chart. Under each kind of dichromacy the first three differ by ΔE*ab > 30.
PARTS = (AGGREGATE_POSTERIOR, "#c4650f", LOSS, "#8e5bb8", "#2a9d5c", "#7a4a2b")

# States of a latent unit.
ACTIVE = "#1f6fb4"
COLLAPSED = "#d1495b"

# Text and lines that carry no data.
INK = "#333a45"
MUTED = "#6b7480"
HAIRLINE = "#d5d9df"
AXIS, GRID = "#9aa3af", "#e6e9ee"
TITLE = "#1d2430"

# Colours and shapes of labels, chosen to differ in lightness as well as in hue: under each of the three kinds of
# dichromacy some colours look alike, but of the first ten labels those of one shape differ in colour. The first labels
# have a shape each. Where the colours begin again, the shapes are the next ones: 70 labels differ in colour or shape.
LABELS = (
    "#d1495b", "#1f6fb4", "#2a9d5c", "#8e5bb8", "#e07b1f", "#17a2b8", "#7a4a2b", "#e0559d", "#6b7480", "#b5a010",
)  # fmt: skip
SHAPES = ("circle", "triangle", "square", "diamond", "wedge", "plus", "cross")
_FIRST_SHAPES = (
    "circle", "triangle", "square", "diamond", "wedge", "plus", "triangle", "cross", "wedge", "plus",
)  # fmt: skip
LABEL_SHAPES = tuple(
    SHAPES[(SHAPES.index(shape) + turn) % len(SHAPES)] for turn in range(len(SHAPES)) for shape in _FIRST_SHAPES
)

# Matplotlib's names of the sequential colour maps.
DENSITY_MAP = "BuPu"
UNIT_KL_MAP = "Blues"
FACTOR_MAP = "viridis"
MAGNIFICATION_MAP = "Greys"  # of a decoder, behind points in the colours of labels

# The same meanings on a dark background, for pages: lighter, with the hue kept.
DARK = {
    "PRIOR": "#98a2b0",
    "AGGREGATE_POSTERIOR": "#6cb1ee",
    "LOSS": "#d5dae1",
    "RECONSTRUCTION": "#62c78f",
    "KL": "#f2808d",
    "ACTIVE": "#6cb1ee",
    "COLLAPSED": "#f2808d",
}
DARK_PARTS = (DARK["AGGREGATE_POSTERIOR"], "#f0a050", DARK["LOSS"], "#b58be0", "#62c78f", "#c99a78")
