"""Archives' and programs' ways of writing units, one file each, as data.

A dialect holds what its files are recognised by, what its labels and metrics mean, and where its main channels and
positions are. One more archive is one more `Dialect`: in a file here, or in a package of your own, which registers it
with a call or with an entry point::

    from nwb_unitrefine.vocabulary.dialects import Dialect, LabelColumn, MetricColumn, mark, register_dialect

    MY_LAB = Dialect(
        name="My lab",
        reference="https://example.org/how-we-write-units",
        marks=(mark("my_lab_class my_lab_session"),),
        labels=(LabelColumn("my_lab_class", "curator", {"a": frozenset({"sua"}), "b": frozenset({"mua"})}),),
        metrics=(MetricColumn("width_ms", "peak_to_trough_duration", ("0.105",), scale=1e-3),),
    )
    register_dialect(MY_LAB)

The call holds for one process. The entry point holds wherever the package is installed, in processes of a batch too::

    [project.entry-points."nwb_unitrefine.dialects"]
    my-lab = "my_package.dialect:MY_LAB"
"""

from nwb_unitrefine.vocabulary.dialects.dialect import (
    AUTHORS,
    Dialect,
    LabelColumn,
    MetricColumn,
    PositionColumns,
    mark,
)
from nwb_unitrefine.vocabulary.dialects.registry import (
    dialect_named,
    dialect_of_metrics,
    dialects,
    label_columns,
    metric_columns,
    position_columns,
    recognise,
    register_dialect,
)

__all__ = [
    "AUTHORS",
    "Dialect",
    "LabelColumn",
    "MetricColumn",
    "PositionColumns",
    "dialect_named",
    "dialect_of_metrics",
    "dialects",
    "label_columns",
    "mark",
    "metric_columns",
    "position_columns",
    "recognise",
    "register_dialect",
]
