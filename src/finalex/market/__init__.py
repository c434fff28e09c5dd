"""Views of a market's events: pure, in integers, one object a symbol."""
