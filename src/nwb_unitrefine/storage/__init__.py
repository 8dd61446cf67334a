"""Files, stores and addresses: what holds an NWB file, behind one protocol."""
