"""CellExplorer: cell types, no labels of quality."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, mark

__all__ = ["CELLEXPLORER"]

CELLEXPLORER = Dialect(
    name="CellExplorer",
    reference="https://cellexplorer.org/datastructure/data-structure-and-format/",
    marks=(
        mark("putativeCellType"),
        mark("cell_type shank_id global_id"),
        mark("global_id cell_type"),
        mark("clu_id group_id"),
        mark("cluID shankID"),
        mark("cell_type burstIndex_Royer2012"),
    ),
)
