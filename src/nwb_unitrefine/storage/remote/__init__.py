"""Files on servers; only the bytes that are needed are fetched."""
