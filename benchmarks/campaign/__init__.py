"""Parts of the campaign of faults: each module provides cases that attack the package in one way."""
