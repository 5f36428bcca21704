"""Numbers computed from compositions and structures."""
