"""Finalex: the real-time WebSocket platform of an exchange."""

__version__ = "0.1.0"
