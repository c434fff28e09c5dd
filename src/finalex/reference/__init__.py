"""The reference of the client protocol, made from its types: AsyncAPI, JSON Schemas, Markdown and HTML."""
