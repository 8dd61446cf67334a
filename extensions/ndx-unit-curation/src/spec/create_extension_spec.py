"""Generate the YAML of `ndx-unit-curation` in ``spec/``.

Run it after any change here, and commit what it writes: a test compares the two.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pynwb.spec import (
    NWBAttributeSpec,
    NWBDatasetSpec,
    NWBGroupSpec,
    NWBNamespaceBuilder,
    export_spec,
)

VERSION = "0.2.0"


def _attribute(name: str, doc: str, *, dtype: str = "text", required: bool = True) -> NWBAttributeSpec:
    """Return a scalar attribute: what is read at a glance."""
    return NWBAttributeSpec(name=name, doc=doc, dtype=dtype, required=required)


def _pairs(name: str, doc: str, dims: tuple[str, str], *, width: int = 2, required: bool = True) -> NWBDatasetSpec:
    """Return a small text table, as the core schema's ``was_generated_by`` is one."""
    return NWBDatasetSpec(
        name=name, doc=doc, dtype="text", dims=list(dims), shape=[None, width], quantity=1 if required else "?"
    )


def _per_unit(name: str, doc: str, dtype: str, *, required: bool = False) -> NWBDatasetSpec:
    """Return a dataset with one value for each unit of the run."""
    return NWBDatasetSpec(
        name=name, doc=doc, dtype=dtype, dims=["num_units"], shape=[None], quantity=1 if required else "?"
    )


def _curation_model() -> NWBGroupSpec:
    return NWBGroupSpec(
        neurodata_type_def="CurationModel",
        neurodata_type_inc="NWBContainer",
        doc="What names, for good, the model that decided a run.",
        attributes=[
            _attribute("model_name", "Short name of the model."),
            _attribute(
                "source",
                "Where the model came from: 'packaged', 'hf://' and a repository, or a folder's name without its path.",
            ),
            _attribute("revision", "Version of the model, or commit of its repository. Empty when unknown."),
            _attribute("digest", "'sha256:' and the digest of the files that decide what the model predicts."),
            _attribute("licence", "SPDX identifier of the model's licence. Empty when unknown."),
        ],
    )


def _curation_features() -> NWBGroupSpec:
    matrix = {"dims": ["num_units", "num_features"], "shape": [None, None]}
    return NWBGroupSpec(
        neurodata_type_def="CurationFeatures",
        neurodata_type_inc="NWBContainer",
        doc=(
            "The feature values a run was decided on. A matrix and not a DynamicTable, so that a session with one unit "
            "or a feature that could not be computed for any unit is recorded as it is."
        ),
        datasets=[
            NWBDatasetSpec(
                name="feature_name",
                doc="Name of each feature; a name that ends in '@' and a version has that version's definition.",
                dtype="text",
                dims=["num_features"],
                shape=[None],
            ),
            NWBDatasetSpec(
                name="feature_unit",
                doc="Physical unit of each feature ('s', 'Hz', 'um', ...); empty for a number without one.",
                dtype="text",
                dims=["num_features"],
                shape=[None],
            ),
            NWBDatasetSpec(
                name="value", doc="Value of each feature of each unit. NaN where missing.", dtype="float64", **matrix
            ),
            NWBDatasetSpec(
                name="origin",
                doc="Each distinct origin of a value, once: how it came about, or why it is missing.",
                dtype="text",
                dims=["num_origins"],
                shape=[None],
            ),
            NWBDatasetSpec(
                name="origin_index", doc="Row of 'origin' that holds the origin of each value.", dtype="uint8", **matrix
            ),
            _pairs(
                "notes",
                "What was decided for all units at once (subject and statement), such as the waveform's scale.",
                ("num_notes", "subject_statement"),
                required=False,
            ),
        ],
    )


def _curation_run() -> NWBGroupSpec:
    return NWBGroupSpec(
        neurodata_type_def="CurationRun",
        neurodata_type_inc="NWBContainer",
        doc=(
            "One act of labelling the units of a file: by whom, with what, on what, and the label of every unit "
            "afterwards. A run is never changed once it is written; a correction is a further run."
        ),
        attributes=[
            _attribute("kind", "Who decided: 'model', 'human' or 'rule'."),
            _attribute("agent", "Name of the model, of the person, or of the rule."),
            _attribute("created", "When the run was made: ISO 8601, with time zone."),
            _attribute("note", "Free text.", required=False),
            _attribute(
                "label_column", "Name of the column of the units table that this run wrote labels to.", required=False
            ),
            _attribute(
                "probability_column",
                "Name of the column of the units table that this run wrote the probability of the label to.",
                required=False,
            ),
            _attribute(
                "uncertain_column",
                "Name of the column of the units table that this run wrote to whether the label is uncertain.",
                required=False,
            ),
            _attribute(
                "contamination_column",
                "Name of the column of the units table that this run wrote the upper bound of contamination to.",
                required=False,
            ),
            _attribute(
                "undoes",
                "Name of an earlier run that this one takes back: the labels of the run before it are in effect again.",
                required=False,
            ),
            _attribute(
                "previous_digest",
                "'digest' of the run before. Absent in the first run, and in the first after runs without digests.",
                required=False,
            ),
            _attribute(
                "digest",
                "'sha256:...' over the name of the run and its 'field_digests'. Absent in runs of version 0.1.0.",
                required=False,
            ),
            NWBAttributeSpec(
                name="classes",
                doc="The possible labels, in the order of the columns of 'probability'.",
                dtype="text",
                dims=["num_classes"],
                shape=[None],
            ),
        ],
        datasets=[
            NWBDatasetSpec(
                name="units",
                neurodata_type_inc="DynamicTableRegion",
                doc="The row of the units table that each unit of this run is.",
            ),
            _per_unit("unit_id", "Id of each unit, as it was at the time.", "int", required=True),
            _per_unit(
                "label", "Label of each unit after this run; empty for a unit without one.", "text", required=True
            ),
            NWBDatasetSpec(
                name="probability",
                doc="Probability of each class for each unit. NaN where nothing can be said.",
                dtype="float64",
                dims=["num_units", "num_classes"],
                shape=[None, None],
                quantity="?",
            ),
            _per_unit("uncertain", "Whether the label of each unit should not be relied on.", "bool"),
            _per_unit("reason", "Why a unit is uncertain or has no label; empty otherwise.", "text"),
            _per_unit("changed", "The units whose label this run decided. Absent when it decided all.", "bool"),
            _pairs(
                "software",
                "Name and version of each piece of software that decided the outcome.",
                ("num_software", "name_version"),
            ),
            _pairs(
                "inputs",
                "Name of each input and its digest ('sha256:...') or 'absent', so that a change of it is detected.",
                ("num_inputs", "name_digest"),
            ),
            _pairs(
                "parameters",
                "Name, type ('text', 'int', 'float' or 'bool') and value of each option that decided the outcome.",
                ("num_parameters", "name_type_value"),
                width=3,
                required=False,
            ),
            _pairs(
                "field_digests",
                "Path and digest of each field of this run; of each field of earlier runs without digests "
                "('run_0001/label'); and of each attribute of the history ('/source'). See docs/format.md, 'Digests'.",
                ("num_fields", "path_digest"),
                required=False,
            ),
            _pairs(
                "redactions",
                "Fields that private text was taken out of: run (empty for an attribute of the history), path, and "
                "digest before and after.",
                ("num_redactions", "run_path_former_present"),
                width=4,
                required=False,
            ),
        ],
        groups=[
            NWBGroupSpec(
                name="model", neurodata_type_inc="CurationModel", doc="The model, for its runs.", quantity="?"
            ),
            NWBGroupSpec(
                name="features", neurodata_type_inc="CurationFeatures", doc="What was decided on.", quantity="?"
            ),
            NWBGroupSpec(
                name="replaced_columns",
                neurodata_type_inc="DynamicTable",
                doc="Columns of the units table, by another program, that this run replaced when told to.",
                quantity="?",
            ),
        ],
    )


def _unit_curation() -> NWBGroupSpec:
    return NWBGroupSpec(
        name="unit_curation",
        neurodata_type_def="UnitCuration",
        neurodata_type_inc="LabMetaData",
        doc=(
            "How the units of this file came by their labels: every curation run, in order of the number in its "
            "name ('run_0001', 'run_0002', ..., 'run_10000'). References go one way, from runs to units."
        ),
        attributes=[
            _attribute(
                "source",
                "Name or DANDI identifier of the file that this one was derived from: no folder, no address.",
                required=False,
            ),
            _attribute(
                "source_asset",
                "Where that file is an asset of an archive: the archive's id of it, which no other content ever gets.",
                required=False,
            ),
            _attribute("source_object_id", "Object id of that file.", required=False),
            _attribute("source_digest", "Digest of that file, as 'sha256:...' or 'dandi-etag:...'.", required=False),
            _attribute("num_runs", "How many runs were ever added.", dtype="int", required=False),
            _attribute("newest_digest", "'digest' of the run that was added last.", required=False),
        ],
        groups=[NWBGroupSpec(neurodata_type_inc="CurationRun", doc="The curation runs.", quantity="*")],
    )


def main(folder: Path) -> None:
    """Write namespace and types as YAML into `folder`."""
    namespace = NWBNamespaceBuilder(
        name="ndx-unit-curation",
        version=VERSION,
        doc="Labels of sorted units with verifiable provenance: who or what decided, on what, and every change since.",
        author=["nwb-unitrefine developers"],
        contact=["nwb-unitrefine developers"],
    )
    namespace.include_namespace("core")
    folder.mkdir(parents=True, exist_ok=True)
    types = [_curation_model(), _curation_features(), _curation_run(), _unit_curation()]
    export_spec(namespace, types, str(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "spec")
