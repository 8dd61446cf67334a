"""What each feature comes from: spike times, mean waveforms, a column of the file, or raw traces."""

from nwb_unitrefine.metrics.compute import compute_features
from nwb_unitrefine.metrics.from_raw import compute_from_raw

__all__ = ["compute_features", "compute_from_raw"]
