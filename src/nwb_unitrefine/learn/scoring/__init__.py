"""Scores of labels against those of people, and figures of them."""
