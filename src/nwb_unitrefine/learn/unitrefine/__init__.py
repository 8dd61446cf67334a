"""UnitRefine's own way to make models: its search over pipelines, and the recipe of its published models."""
