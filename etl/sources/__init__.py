"""One module a source: bytes of a protocol in, frames out."""
