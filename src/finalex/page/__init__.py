"""The trading page that a server shows at `/`, as it was built."""
