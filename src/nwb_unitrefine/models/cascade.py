"""Two models of two classes in a row, with the face of one of three: noise or neural, then sua or mua."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.decision import decide
from nwb_unitrefine.records import ModelIdentity
from nwb_unitrefine.vocabulary.labels import NEURAL

if TYPE_CHECKING:
    from nwb_unitrefine.models.model import FittedModel
    from nwb_unitrefine.records import Features, Predictions

__all__ = ["Cascade", "make_cascade"]

_FIRST, _SECOND = frozenset({"noise", NEURAL}), frozenset({"sua", "mua"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cascade:
    """Two models in a row, as UnitRefine uses its own.

    Parameters
    ----------
    noise_or_neural : FittedModel
    sua_or_mua : FittedModel
        Says what a unit is if it is neural.
    """

    noise_or_neural: FittedModel
    sua_or_mua: FittedModel

    @property
    def identity(self) -> ModelIdentity:
        """Both models' identities, noise or neural first."""
        both = (self.noise_or_neural.identity, self.sua_or_mua.identity)
        licences = tuple(dict.fromkeys(one.licence for one in both))
        digests = "".join(f"{one.digest}\n" for one in both)
        return ModelIdentity(
            name=" + ".join(one.name for one in both),
            source=" + ".join(one.source for one in both),
            revision=" + ".join(one.revision for one in both),
            digest=f"sha256:{hashlib.sha256(digests.encode()).hexdigest()}",
            licence=" AND ".join(licences) if all(licences) else "",
        )

    @property
    def options(self) -> dict[str, str]:
        """As of `FittedModel`: the labels given for the classes of each, noise or neural first."""
        both = (self.noise_or_neural, self.sua_or_mua)
        overrides = [dict(one.label_overrides) for one in both]
        labels = {"labels": json.dumps(overrides)} if any(overrides) else {}
        return {**both[0].options, **both[1].options, **labels}

    @property
    def training_recordings(self) -> tuple[str, ...]:
        """Recordings that either was trained on, each once."""
        both = (*self.noise_or_neural.training_recordings, *self.sua_or_mua.training_recordings)
        return tuple(dict.fromkeys(both))

    @property
    def class_priors(self) -> dict[str, float]:
        """Empty: the shares of the two steps are of different units."""
        return {}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Features of both, each once."""
        return tuple(dict.fromkeys((*self.noise_or_neural.feature_names, *self.sua_or_mua.feature_names)))

    def predict(self, features: Features) -> Predictions:
        """Label every unit.

        The probabilities are p(noise), p(neural) p(sua | neural) and p(neural) p(mua | neural). The label is found as
        UnitRefine finds it, in two decisions: noise or neural, then sua or mua; so a unit of 40 % noise, 35 % sua and
        25 % mua is sua.

        Parameters
        ----------
        features : Features
            Those of `feature_names`.

        Returns
        -------
        Predictions
        """
        first = self.noise_or_neural.label_probabilities(features)
        second = self.sua_or_mua.label_probabilities(features)
        sua, mua = second["sua"], second["mua"]
        neural, noise = first[NEURAL], first["noise"]
        inputs = [model.input_values(features) for model in (self.noise_or_neural, self.sua_or_mua)]
        return decide(
            features,
            probabilities=np.stack([neural * sua, neural * mua, noise], axis=1),
            scores=np.stack([neural * (sua >= mua), neural * (sua < mua), noise], axis=1),
            inputs=np.concatenate(inputs, axis=1),
            manifest=None,
        )


def make_cascade(one: FittedModel, other: FittedModel) -> Cascade:
    """Put two models in their order.

    Raises
    ------
    ModelError
        If they are not one that tells noise from neural and one that tells sua from mua.
    """
    for first, second in ((one, other), (other, one)):
        if first.distinguishes == _FIRST and second.distinguishes == _SECOND:
            return Cascade(noise_or_neural=first, sua_or_mua=second)
    told = "; ".join(f"{model.identity.name} tells {_names(model)}" for model in (one, other))
    raise ModelError(
        f"Two models in a row must tell noise from neural, and sua from mua: {told}.",
        tip="Where a model does not say what its classes mean, say it: --labels 0=MEANING,1=MEANING "
        "for each, or labels=[{'0': MEANING, …}, {…}].",
    )


def _names(model: FittedModel) -> str:
    """Name what a model tells apart, in its own words where nobody knows what they mean."""
    pairs = zip(model.class_labels, model.estimator.classes, strict=True)
    return " from ".join(meaning or repr(own) for meaning, own in pairs)
