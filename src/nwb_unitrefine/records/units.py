"""What a source holds: its units, with spike times, mean waveforms, electrodes and every other column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.records.display import Displayed, Summary, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from nwb_unitrefine.records.problems import Problem

__all__ = ["Column", "Electrodes", "Ragged", "Source", "Units", "Waveforms", "offsets_of_counts"]


def offsets_of_counts(counts: ArrayLike) -> NDArray[np.int64]:
    """Return where rows of these lengths begin in a flat array, and the last one ends: shape (n_rows + 1,).

    Examples
    --------
    >>> offsets_of_counts([1, 0, 2]).tolist()
    [0, 1, 1, 3]
    """
    lengths = np.asarray(counts, dtype=np.int64)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Rows of different lengths in one flat array.

    Parameters
    ----------
    values : array, shape (n_values, ...)
        All rows, one after another.
    offsets : array of int64, shape (n_rows + 1,)
        Row ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    Examples
    --------
    >>> trains = Ragged(np.array([0.1, 0.2, 0.3]), np.array([0, 1, 1, 3]))
    >>> [row.tolist() for row in trains]
    [[0.1], [], [0.2, 0.3]]
    >>> trains.counts.tolist()
    [1, 0, 2]
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        row %= len(self)
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    @classmethod
    def from_counts(cls, values: NDArray[Any], counts: ArrayLike) -> Ragged:
        """Make rows of these lengths out of `values`, which holds them one after another.

        Examples
        --------
        >>> Ragged.from_counts(np.array([0.1, 0.2, 0.3]), [1, 0, 2]).offsets.tolist()
        [0, 1, 1, 3]
        """
        return cls(values, offsets_of_counts(counts))

    @classmethod
    def from_rows(cls, values: NDArray[Any], rows: NDArray[np.integer[Any]], n_rows: int) -> Ragged:
        """Sort `values` by the row each belongs to, and within each row by size.

        Parameters
        ----------
        values : array, shape (n_values,)
        rows : array of int, shape (n_values,)
            Row of each value, from 0 to ``n_rows - 1``.
        n_rows : int

        Examples
        --------
        >>> [row.tolist() for row in Ragged.from_rows(np.array([7, 5, 6]), np.array([2, 0, 2]), 3)]
        [[5], [], [6, 7]]
        """
        return cls.from_counts(values[np.lexsort((values, rows))], np.bincount(rows, minlength=n_rows))

    @classmethod
    def concatenated(cls, rows: Sequence[ArrayLike], dtype: DTypeLike = np.float64) -> Ragged:
        """Make one flat array of rows.

        Examples
        --------
        >>> Ragged.concatenated([[0.1], [], [0.2, 0.3]]).values.tolist()
        [0.1, 0.2, 0.3]
        """
        arrays = [np.asarray(row, dtype=dtype) for row in rows]
        values = np.concatenate(arrays) if arrays else np.empty(0, dtype)
        return cls.from_counts(values, [len(array) for array in arrays])

    @property
    def counts(self) -> NDArray[np.int64]:
        """Length of each row, shape (n_rows,)."""
        return np.diff(self.offsets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where units came from, and what identifies the session.

    Parameters
    ----------
    uri : str
        Path or address, as given.
    kind : str
        What it was taken for: ``"nwb-hdf5"``, ``"nwb-zarr"``, ``"sorter"``, ``"analyzer"``, ``"csv"``,
        ``"nwb-memory"``.
    dialect : str
        Whose way of naming columns it follows (``"Allen"``, ``"IBL"``, …); empty when none was recognised.
    nwb_version : str
        The file's ``nwb_version``; empty for other sources.
    object_id : str
        Object id of the NWB file, or empty.
    units_object_id : str
        Object id of its units table, or empty.
    units_path : str
        Path of that table in the file, ``"units"`` unless the user named another one; empty for other sources.
    identifier, session_id, subject_id, session_start_time : str
        Of the session; empty where the source does not state it.
    size_bytes : int
        Size of the file; 0 where that has no meaning.
    """

    uri: str
    kind: str
    dialect: str = ""
    nwb_version: str = ""
    object_id: str = ""
    units_object_id: str = ""
    units_path: str = ""
    identifier: str = ""
    session_id: str = ""
    subject_id: str = ""
    session_start_time: str = ""
    size_bytes: int = 0

    @property
    def is_main_table(self) -> bool:
        """Whether the units are those of ``/units``, the table that labels are written to and whose history is kept."""
        return self.units_path in {"", "units"}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One further column of a units table, as it stands in the file.

    Parameters
    ----------
    name, description : str
    values : array or Ragged
        One row a unit; text is ``str`` in an object array.
    """

    name: str
    description: str
    values: NDArray[Any] | Ragged


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Electrodes:
    """The electrodes table.

    Parameters
    ----------
    ids : array, shape (n_electrodes,)
        Electrode ids; elsewhere electrodes are meant by their row.
    positions_um : array of float64, shape (n_electrodes, 3), or None
        Position on the probe, second axis along its depth; NaN where unknown, None where no column states it.
    groups : array of str, shape (n_electrodes,)
        Name of each electrode's group (probe or shank).
    position_source : str
        The columns that the positions were taken from, as ``"rel_x, rel_y"``.
    locations : array of str, shape (n_electrodes,), or None
        Brain region of each electrode, as the file names it; None where no column states it.
    """

    ids: NDArray[Any]
    positions_um: NDArray[np.float64] | None
    groups: NDArray[Any]
    position_source: str = ""
    locations: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waveforms:
    """Mean waveform of every unit, as stored.

    Parameters
    ----------
    mean : array of float, shape (n_units, n_samples, n_channels)
        In the unit of the file; NaN in rows of units without a waveform, and on channels a unit does not have.
    channels : array of int64, shape (n_units, n_channels)
        Row of the electrodes table of each channel; -1 where unknown or absent.
    sampling_rate_hz : float or None
        Of the waveforms; None where the file does not state it.
    samples_before_peak : int or None
        Index of the aligned sample; None where the file does not state it.
    declared_unit : str
        What the file calls the unit (``"volts"``, ``"microvolts"``, …); empty where it does not state it.
    """

    mean: NDArray[np.floating[Any]]
    channels: NDArray[np.int64]
    sampling_rate_hz: float | None
    samples_before_peak: int | None = None
    declared_unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Units(Displayed):
    """The units of one source, clean by contract: metrics compute with what they find.

    Readers hold to the contract. Units that were made by hand are brought to it, or refused, by `read_units`, which
    `curate` calls.

    Parameters
    ----------
    unit_ids : array of int or str, shape (n_units,)
        As the source names them, in its order.
    spike_times_s : Ragged of float64
        Spike times of each unit, in seconds on the session's clock: finite, and in order within each unit.
    source : Source
    obs_intervals_s : Ragged of float64, rows of shape (n_intervals, 2), or None
        When each unit was observed; None where the source does not state it.
    recording_intervals_s : array of float64, shape (n_intervals, 2), or None
        Start and end of each piece of the recording the units were sorted from, in order of time and without overlap;
        None where the source does not state it.
    sampling_rate_hz : float or None
        That the spike times were counted in; None where the source does not state it and it cannot be inferred.
    sampling_rate_from : str
        Where the rate is from, as ``"of the recording"``.
    stored_per_second : float
        What the stored spike times were divided by: 1000 where the user states that they are milliseconds.
    waveforms : Waveforms or None
    electrodes : Electrodes or None
    unit_electrodes : Ragged of int64 or None
        Rows of the electrodes table that each unit came from.
    columns : mapping of str to Column
        Every other column.
    unread_columns : tuple of str
        Columns that were left unread for their size.
    problems : tuple of Problem
        What was noticed on reading.
    """

    unit_ids: NDArray[Any]
    spike_times_s: Ragged
    source: Source
    obs_intervals_s: Ragged | None = None
    recording_intervals_s: NDArray[np.float64] | None = None
    sampling_rate_hz: float | None = None
    sampling_rate_from: str = "of the recording"
    stored_per_second: float = 1.0
    waveforms: Waveforms | None = None
    electrodes: Electrodes | None = None
    unit_electrodes: Ragged | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    unread_columns: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.unit_ids)

    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""
        waveforms = ""
        if self.waveforms is not None:
            _, n_samples, n_channels = self.waveforms.mean.shape
            waveforms = f"{plural(n_samples, 'sample')} on {plural(n_channels, 'channel')}"
        return Summary(
            title=f"Units of {self.source.uri}: {plural(len(self), 'unit')}, "
            f"{plural(self.spike_times_s.values.size, 'spike')}",
            facts=(
                ("read as", " ".join(filter(None, (self.source.kind, self.source.nwb_version, self.source.dialect)))),
                ("sampling rate", "" if self.sampling_rate_hz is None else f"{self.sampling_rate_hz:g} Hz"),
                ("mean waveforms", waveforms),
                ("columns", ", ".join(self.columns)),
                *(("note", problem.what) for problem in self.problems),
            ),
            headings=("unit", "spikes"),
            rows=zip(self.unit_ids.tolist(), self.spike_times_s.counts.tolist(), strict=True),
        )
