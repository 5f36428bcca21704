"""The asset graph, one module a group; an asset is about ten lines that call a domain function."""
