"""The curation history of a file: its runs, their layout in the file, and who set each label."""
