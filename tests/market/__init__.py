"""Tests of the market views."""
