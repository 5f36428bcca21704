"""What answers a proposal: recorded tables and calculations, behind one protocol."""
