"""The audit log: who logged in, who was refused, what was changed by whom; structured, apart from the server's log."""
