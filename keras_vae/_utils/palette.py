"""The package's colours by meaning: one palette for figures, videos and pages."""

PRIOR = "#6b7480"
AGGREGATE_POSTERIOR = "#1f6fb4"
LOSS = "#333a45"
RECONSTRUCTION = "#2a9d5c"
KL = "#d1495b"
ACTIVE = "#1f6fb4"
COLLAPSED = "#d1495b"

# Text and lines that carry no data.
INK = "#333a45"
MUTED = "#6b7480"
HAIRLINE = "#d5d9df"

# One colour a label, chosen to differ in lightness as well as in hue, and one shape a label: under each of the three
# kinds of dichromacy some colours look alike, and no two labels share both colour and shape.
LABELS = (
    "#d1495b", "#1f6fb4", "#2a9d5c", "#8e5bb8", "#e07b1f", "#17a2b8", "#7a4a2b", "#e0559d", "#6b7480", "#b5a010",
)  # fmt: skip
LABEL_SHAPES = (
    "circle", "circle", "triangle", "triangle", "square", "diamond", "diamond", "wedge", "square", "wedge",
)  # fmt: skip

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
