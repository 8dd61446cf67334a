"""Estimators from skops archives: read, audited, then built."""
