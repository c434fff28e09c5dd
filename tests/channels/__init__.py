"""Tests of the channels, through the hub."""
