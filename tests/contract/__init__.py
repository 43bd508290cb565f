"""What the product takes for granted about Argilla, asserted on the fake server and on real ones alike."""
