"""The units of sorter output and of SortingAnalyzers."""
