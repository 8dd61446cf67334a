"""Labelled units: read them from files, sorter output and tables, with labels in our words."""
