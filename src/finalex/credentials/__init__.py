"""Tokens and API keys as an operator makes them: what they grant, the secret that signs, the store that keeps."""
