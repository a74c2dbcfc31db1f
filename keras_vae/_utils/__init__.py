"""Private helpers without a place of their own."""
