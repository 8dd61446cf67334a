"""Draw shap_importance.png and shap_sua.png: SHAP values of the default model on the units of the demo.

    python docs/images/draw_shap.py

Needs the extra explain and the package pillow.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from nwb_unitrefine import compute_features, load_model, read_units
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.explain import draw_explanations, shap_values

PICTURES = {"importance.png": "shap_importance.png", "beeswarm_sua.png": "shap_sua.png"}


def main() -> None:
    """Simulate, explain, draw, and keep two pictures with 64 colours."""
    with tempfile.TemporaryDirectory() as folder:
        simulate_session(Path(folder, "demo.nwb"))
        model = load_model("default")
        features = compute_features(read_units(Path(folder, "demo.nwb")), names=model.feature_names)
        values = shap_values(model, model.input_values(features))
        for file in draw_explanations(values, folder=folder, title=model.identity.name):
            if file.name in PICTURES:
                picture = Image.open(file).convert("RGB").quantize(64)
                picture.save(Path(__file__).with_name(PICTURES[file.name]), optimize=True)


if __name__ == "__main__":
    main()
