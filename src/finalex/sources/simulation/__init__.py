"""Simulated markets: fair prices that wander, and traders who quote and trade around them.

Seeded and without I/O: the same seed and the same step times give the same commands. Latent prices and sizes are
floats, for they are nobody's money; every command holds integers on tick and lot.
"""
