"""Facts from publications with DOI and licence, and the demonstration corpus."""
