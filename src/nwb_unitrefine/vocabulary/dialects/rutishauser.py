"""The Rutishauser laboratory's recordings of human single neurons, sorted with OSort."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, MetricColumn, mark

__all__ = ["RUTISHAUSER"]

RUTISHAUSER = Dialect(
    name="Rutishauser",
    reference="https://doi.org/10.1038/s41597-020-0415-9",
    marks=(
        mark("waveforms_mean_snr waveforms_isolation_distance"),
        mark("waveform_mean_encoding waveform_mean_recognition"),
        mark("clusterID_orig waveforms_peak_snr"),
    ),
    metrics=(
        MetricColumn("waveforms_mean_snr", "snr", exact=False),
        MetricColumn("waveforms_isolation_distance", "isolation_distance", exact=False),
    ),
)
