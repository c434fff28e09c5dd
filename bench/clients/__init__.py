"""What the Python client costs, beside bare WebSocket clients that receive the same stream."""
