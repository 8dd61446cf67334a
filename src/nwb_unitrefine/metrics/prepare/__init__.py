"""What metrics are computed from: clean spike trains, observed time, templates in microvolts."""
