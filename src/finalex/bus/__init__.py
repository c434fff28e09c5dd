"""The bus between the processes of one exchange: NATS, its addresses, and the names that are used on it."""
