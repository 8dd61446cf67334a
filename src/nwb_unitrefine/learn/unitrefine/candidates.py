"""What a search may choose from: the imputers, scalers and classifiers that UnitRefine's training offers."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import MissingExtraError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["CLASSIFIERS", "IMPUTERS", "SCALERS", "available_classifiers", "make_pipeline", "require_classifiers"]

IMPUTERS = ("median", "most_frequent", "knn", "iterative")
SCALERS = ("standard", "minmax", "robust")

CLASSIFIERS: dict[str, Mapping[str, Sequence[Any]]] = {
    "random_forest": {
        "n_estimators": (100, 150),
        "criterion": ("gini", "entropy"),
        "min_samples_split": (2, 3, 4),
        "min_samples_leaf": (1, 2, 4, 8),
        "class_weight": ("balanced", "balanced_subsample"),
    },
    "gradient_boosting": {
        "learning_rate": (0.05, 0.1, 0.2),
        "n_estimators": (100, 150),
        "max_depth": (2, 3, 4),
        "min_samples_leaf": (1, 4, 16),
    },
    "hist_gradient_boosting": {
        "learning_rate": (0.03, 0.1),
        "max_iter": (100, 200),
        "max_leaf_nodes": (6, 15, 31),
        "l2_regularization": (0.0, 5.0),
        "class_weight": (None, "balanced"),
    },
    "adaboost": {"learning_rate": (0.1, 0.5, 1.0, 2.0), "n_estimators": (50, 100, 150)},
    "svc": {"C": (0.1, 1.0, 10.0), "gamma": ("scale", "auto"), "class_weight": ("balanced",)},
    "logistic_regression": {"C": (0.01, 0.1, 1.0, 10.0), "class_weight": (None, "balanced"), "max_iter": (2000,)},
    "mlp": {"hidden_layer_sizes": ((50,), (100,), (100, 50)), "alpha": (1e-4, 1e-2, 1.0), "max_iter": (500,)},
    "lightgbm": {
        "learning_rate": (0.05, 0.1),
        "n_estimators": (100, 200),
        "num_leaves": (7, 15, 31),
        "min_child_samples": (20, 50),
        "class_weight": (None, "balanced"),
    },
    "xgboost": {
        "learning_rate": (0.05, 0.1, 0.3),
        "n_estimators": (100, 200),
        "max_depth": (2, 4, 6),
        "reg_lambda": (1.0, 5.0),
    },
    "catboost": {"learning_rate": (0.05, 0.1), "iterations": (100, 200), "depth": (4, 6)},
}
"""Each classifier, and the values that its parameters are drawn from."""

_BOOSTING = {"lightgbm": "lightgbm", "xgboost": "xgboost", "catboost": "catboost"}


def available_classifiers() -> tuple[str, ...]:
    """List the classifiers whose package is installed."""
    return tuple(name for name in CLASSIFIERS if _is_installed(name))


def require_classifiers(names: Iterable[str]) -> None:
    """Refuse classifiers whose package is not installed, without importing any; unknown names are left to `Search`.

    Raises
    ------
    MissingExtraError
    """
    for name in names:
        if not _is_installed(name):
            raise MissingExtraError(_BOOSTING[name], extra="boosting", purpose=f"to train with {name}")


def _is_installed(name: str) -> bool:
    """Whether the package of a classifier is there; scikit-learn always is."""
    return name not in _BOOSTING or find_spec(_BOOSTING[name]) is not None


def make_pipeline(*, imputer: str, scaler: str, classifier: str, parameters: Mapping[str, Any], seed: int) -> Any:
    """Make a pipeline that is not fitted: fill in, scale, classify.

    Parameters
    ----------
    imputer, scaler, classifier : str
        Of `IMPUTERS`, `SCALERS` and `CLASSIFIERS`.
    parameters : mapping
        Of the classifier.
    seed : int
        Of everything in it that draws; it runs in one thread, so that the seed decides alone.

    Raises
    ------
    TrainingError
        If a name is not known.
    MissingExtraError
        If the classifier's package is not installed.
    """
    from sklearn.pipeline import Pipeline

    for name, known in ((imputer, IMPUTERS), (scaler, SCALERS), (classifier, tuple(CLASSIFIERS))):
        if name not in known:
            raise TrainingError(f"{name!r} is not known.", tip=f"One of: {', '.join(known)}.")
    return Pipeline(
        [
            ("imputer", _imputer(imputer, seed)),
            ("scaler", _scaler(scaler)),
            ("classifier", _classifier(classifier, parameters, seed)),
        ]
    )


def _imputer(name: str, seed: int) -> Any:
    """Columns that are empty in one part of the data are kept: the others may have them."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next line possible
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

    if name == "knn":
        return KNNImputer(n_neighbors=5, keep_empty_features=True)
    if name == "iterative":
        return IterativeImputer(max_iter=10, tol=0.05, random_state=seed)
    return SimpleImputer(strategy=name, keep_empty_features=True)


def _scaler(name: str) -> Any:
    """Trees do not care, the rest does."""
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    return {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}[name]()


def _classifier(name: str, parameters: Mapping[str, Any], seed: int) -> Any:
    """Import what is asked for, and nothing else."""
    if name in _BOOSTING:
        return _boosting(name, parameters, seed)
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import (
        AdaBoostClassifier,
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    if name == "svc":
        # SVC's own probabilities are deprecated; these come from the same sigmoid.
        return CalibratedClassifierCV(SVC(random_state=seed, **parameters), ensemble=False, cv=3)
    kinds = {
        "random_forest": RandomForestClassifier,
        "gradient_boosting": GradientBoostingClassifier,
        "hist_gradient_boosting": HistGradientBoostingClassifier,
        "adaboost": AdaBoostClassifier,
        "logistic_regression": LogisticRegression,
        "mlp": MLPClassifier,
    }
    return kinds[name](random_state=seed, **parameters)


def _boosting(name: str, parameters: Mapping[str, Any], seed: int) -> Any:
    """The one door to LightGBM, XGBoost and CatBoost."""
    require_classifiers([name])
    if name == "lightgbm":
        from lightgbm import LGBMClassifier

        return LGBMClassifier(
            random_state=seed, n_jobs=1, deterministic=True, force_col_wise=True, verbose=-1, **parameters
        )
    if name == "xgboost":
        from xgboost import XGBClassifier

        return XGBClassifier(random_state=seed, n_jobs=1, tree_method="hist", **parameters)
    from catboost import CatBoostClassifier

    return CatBoostClassifier(random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False, **parameters)
