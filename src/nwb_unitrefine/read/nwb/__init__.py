"""The units of NWB files, part by part."""
