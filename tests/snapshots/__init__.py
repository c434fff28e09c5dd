"""Tests of the snapshots, and made-up logs for them."""
