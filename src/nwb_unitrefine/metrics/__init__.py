"""What each feature comes from: spike times, mean waveforms, a column of the file, or raw traces."""

from nwb_unitrefine.metrics.compute import compute_features

__all__ = ["compute_features"]
