"""Learners that are shown units with foreign spikes, so that contamination counts for what it is."""
