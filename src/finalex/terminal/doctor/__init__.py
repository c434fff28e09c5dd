"""The doctor: holds a conversation with a server and judges what it says."""
