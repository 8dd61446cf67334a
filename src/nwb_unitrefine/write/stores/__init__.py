"""The units table and the runs of an open file, by backend."""
