"""Tests of the matching engine and the accounts."""
