"""Which types a model file may hold, and the audit that finds out which ones it does.

The list has three parts, because what a name may do depends on where it stands: classes that may be *built* (fitted
estimators and their parts), types that may be *mentioned* (the type of a dictionary's keys, a default), and containers.
Whatever is not here is refused by name, before anything is imported or built. There is no way to trust everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import UntrustedModelError
from nwb_unitrefine.models.skops.archive import MAX_DEPTH, broken
from nwb_unitrefine.models.skops.neighbours import NEAREST, SEARCH_TREES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from nwb_unitrefine.models.skops.archive import Archive

__all__ = ["ESTIMATORS", "audit", "list_types", "walk"]

MAX_NODES = 2_000_000
MAX_WIDENING = 4
_WIDENING = frozenset({"FeatureUnion", "ColumnTransformer", "StackingClassifier", "MissingIndicator"})
"""Each of these may double the columns of a table, so that forty in a row would need all memory there is."""

_PLAIN = frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bool"})
_NUMPY_SCALARS = frozenset(
    f"numpy.{name}"
    for name in (
        *("bool_", "bool", "str_", "float16", "float32", "float64", "longdouble"),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    )
)

ESTIMATORS = frozenset(
    {
        # pipelines and ensembles of models
        "sklearn.pipeline.Pipeline",
        "sklearn.pipeline.FeatureUnion",
        "sklearn.compose._column_transformer.ColumnTransformer",
        "sklearn.ensemble._voting.VotingClassifier",
        "sklearn.ensemble._stacking.StackingClassifier",
        "sklearn.ensemble._bagging.BaggingClassifier",
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.isotonic.IsotonicRegression",
        # imputers
        "sklearn.impute._base.SimpleImputer",
        "sklearn.impute._base.MissingIndicator",
        "sklearn.impute._knn.KNNImputer",
        "sklearn.impute._iterative.IterativeImputer",
        "sklearn.linear_model._bayes.BayesianRidge",
        # selected and combined features
        "sklearn.decomposition._pca.PCA",
        "sklearn.feature_selection._univariate_selection.SelectKBest",
        # scalers
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._data.MinMaxScaler",
        "sklearn.preprocessing._data.MaxAbsScaler",
        "sklearn.preprocessing._data.RobustScaler",
        "sklearn.preprocessing._data.QuantileTransformer",
        "sklearn.preprocessing._data.PowerTransformer",
        "sklearn.preprocessing._data.Normalizer",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.preprocessing._label.LabelBinarizer",
        # classifiers
        "sklearn.dummy.DummyClassifier",
        "sklearn.dummy.DummyRegressor",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._forest.RandomForestRegressor",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._forest.ExtraTreesRegressor",
        "sklearn.ensemble._gb.GradientBoostingClassifier",
        "sklearn.ensemble._weight_boosting.AdaBoostClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.linear_model._logistic.LogisticRegressionCV",
        "sklearn.naive_bayes.GaussianNB",
        NEAREST,
        "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
        "sklearn.svm._classes.SVC",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._classes.ExtraTreeClassifier",
        "sklearn.tree._classes.ExtraTreeRegressor",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "catboost.core.CatBoostClassifier",
    }
)
"""Estimators that may be built. None of them executes anything from its state."""

_PARTS = frozenset(
    {
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.ExponentialLoss",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn.ensemble._gb_losses.BinomialDeviance",
        "sklearn.ensemble._gb_losses.ExponentialLoss",
        "sklearn.ensemble._gb_losses.MultinomialDeviance",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    }
)
_LOSSES = frozenset(
    # Until 1.8, this compiled module named itself _loss.
    f"{module}.Cy{name}"
    for module in ("_loss", "sklearn._loss._loss")
    for name in ("ExponentialLoss", "HalfBinomialLoss", "HalfMultinomialLoss", "HalfSquaredError")
)

_SCORES = frozenset(
    {
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
    }
)
"""Functions by which features were selected."""

ALLOWED: dict[str, frozenset[str]] = {
    "JsonNode": frozenset({"builtins.str"}),
    "ListNode": frozenset({"builtins.list"}),
    "TupleNode": frozenset({"builtins.tuple", "sklearn.impute._iterative._ImputerTriplet"}),
    "SetNode": frozenset({"builtins.set"}),
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}),
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "BytesNode": frozenset({"builtins.bytes"}),
    "BytearrayNode": frozenset({"builtins.bytearray"}),
    "NdArrayNode": frozenset({"numpy.ndarray"}) | _NUMPY_SCALARS,
    "DTypeNode": frozenset({"numpy.dtype"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
    "TypeNode": _PLAIN | _NUMPY_SCALARS | {"collections.OrderedDict", "builtins.dict", "builtins.list"},
    "TreeNode": frozenset({"sklearn.tree._tree.Tree"}),
    "LossNode": _LOSSES,
    "FunctionNode": _SCORES,
    # skops wrote compiled losses as plain objects until 0.10.
    "ObjectNode": ESTIMATORS | _PARTS | _LOSSES | SEARCH_TREES,
}
"""For each kind of node that skops writes, the types it may have. Kinds that call what the file names (methods,
operators, partial functions, constructors) are not here at all, and functions are not imported: they stay names."""


_NESTING = (dict, list)


def walk(schema: dict[str, Any], *, archive: Archive) -> Iterator[tuple[str, str]]:
    """Yield loader and type of every node of a schema.

    Raises
    ------
    ModelError
        If a node lacks either, or nodes are nested deeper than any model's.
    """
    level: list[Any] = [schema]
    depth = n_nodes = n_widening = 0
    while level:
        if depth > MAX_DEPTH:
            raise broken(archive.path, "its schema is nested too deeply")
        below: list[Any] = []
        for item in level:
            is_node = isinstance(item, dict)
            below.extend([one for one in (item.values() if is_node else item) if isinstance(one, _NESTING)])
            if is_node and ("__loader__" in item or "__class__" in item or "__module__" in item):
                loader, module, name = item.get("__loader__"), item.get("__module__"), item.get("__class__")
                if not (isinstance(loader, str) and isinstance(module, str) and isinstance(name, str)):
                    raise broken(archive.path, "a node of its schema has no type")
                n_nodes += 1
                n_widening += name in _WIDENING
                if n_nodes > MAX_NODES or n_widening > MAX_WIDENING:
                    what = "parts" if n_nodes > MAX_NODES else "steps that widen its table"
                    raise broken(archive.path, f"it has too many {what}")
                yield loader, f"{module}.{name}"
        level = below
        depth += 1


def list_types(archive: Archive) -> tuple[str, ...]:
    """Every type that a model file names, sorted; nothing is imported or built."""
    return tuple(sorted({kind for _, kind in walk(archive.schema, archive=archive)}))


def audit(archive: Archive, *, allow_types: Collection[str] = ()) -> tuple[str, ...]:
    """Refuse a model file that names a type which is not allowed where it stands.

    Parameters
    ----------
    archive : Archive
    allow_types : collection of str
        Further classes that may be built, by full name, as ``"mylab.models.Ensemble"``: their code runs.

    Returns
    -------
    tuple of str
        The types that it names, as of `list_types`.

    Raises
    ------
    UntrustedModelError
        With the offending types.
    """
    extra = frozenset(allow_types)
    refused: set[str] = set()
    allowable = True
    named = set(walk(archive.schema, archive=archive))
    for loader, kind in named:
        if kind in ALLOWED.get(loader, ()) or (loader == "ObjectNode" and kind in extra):
            continue
        refused.add(kind if loader in ALLOWED else f"{kind} (as {loader})")
        allowable = allowable and loader == "ObjectNode"
    if refused:
        raise _refusal(archive, sorted(refused), allowable=allowable)
    return tuple(sorted({kind for _, kind in named}))


def _refusal(archive: Archive, types: Sequence[str], *, allowable: bool) -> UntrustedModelError:
    """Name the types, and say how to allow them where that is possible."""
    names = ", ".join(types)
    tip = (
        f"If you know this code and trust who made the model: allow_types={list(types)!r}."
        if allowable
        else "Nothing that a classifier needs is stored in this way; it cannot be allowed."
    )
    return UntrustedModelError(
        f"{archive.path} holds types that are not allowed: {names}. Nothing of it was built.",
        tip=tip,
        types=tuple(types),
    )
