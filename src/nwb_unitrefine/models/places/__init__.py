"""Where a model comes from: the package, a folder, a name, or the Hugging Face Hub."""
