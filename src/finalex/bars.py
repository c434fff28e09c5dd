"""Bars of text for work that takes long."""

BAR_CELLS = 20


def bar_text(share: float) -> str:
    """Return a bar, `share` of which is full, and the same in percent."""
    share = min(1.0, max(0.0, share))
    full = int(share * BAR_CELLS)
    return f"{'█' * full}{'░' * (BAR_CELLS - full)} {int(share * 100):3d} %"
