"""Labels and units for other programs."""
