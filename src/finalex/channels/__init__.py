"""What clients can subscribe to, each channel a view of the log. A new one is a file here and a row in `registry`."""
