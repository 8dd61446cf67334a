"""Every metric of SpikeInterface, as data."""
