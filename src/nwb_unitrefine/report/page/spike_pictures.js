// A unit's spike train in pictures: autocorrelogram, intervals, rate over the session.

const spikePictures = (() => {
  const { significant } = elements;
  const { canvas, histogram } = drawing;
  const REFRACTORY_MS = 1.5;
  const HEIGHT = 160;

  function picture(name, row) {
    const { rows, n, largest } = session.data.spikes[name];
    return { values: Array.from(rows.subarray(row * n, (row + 1) * n), (value) => value / 255), largest: largest[row] };
  }

  function autocorrelogram(unit) {
    const half = picture("autocorrelogram", unit.row);
    const reach = half.values.length;
    const edge = REFRACTORY_MS / (2 * reach);
    return canvas(HEIGHT, `Autocorrelogram of unit ${unit.id}, up to ${reach} ms, at most ${half.largest} pairs of spikes in 1 ms`, (context, width, height) =>
      histogram(context, width, height, [...half.values].reverse().concat(half.values), {
        tint: session.unitColour(unit), most: `most: ${half.largest} in 1 ms`,
        ticks: [[0, `−${reach}`], [0.5, "0"], [1, `${reach} ms`]], band: [0.5 - edge, 0.5 + edge], note: `refractory: ±${REFRACTORY_MS} ms`,
      }));
  }

  function intervals(unit) {
    const { values, largest } = picture("intervals", unit.row);
    const reach = values.length / 2;
    return canvas(HEIGHT, `Intervals between spikes of unit ${unit.id}, up to ${reach} ms, at most ${largest} in 0.5 ms`, (context, width, height) =>
      histogram(context, width, height, values, {
        tint: session.unitColour(unit), most: `most: ${largest} in 0.5 ms`, band: [0, REFRACTORY_MS / reach], note: `refractory: ${REFRACTORY_MS} ms`,
        ticks: [[0, "0"], [0.5, `${reach / 2}`], [1, `${reach} ms`]],
      }));
  }

  function rate(unit) {
    const { values, largest } = picture("rate", unit.row);
    const [start, stop] = session.data.spikes.session_s;
    const seconds = stop - start;
    const part = (time) => Math.min(Math.max((time - start) / (seconds || 1), 0), 1);
    const [whole, half] = seconds >= 180
      ? [`${(seconds / 60).toFixed(0)} min`, (seconds / 120).toFixed(0)]
      : [`${seconds.toFixed(0)} s`, (seconds / 2).toFixed(0)];
    return canvas(HEIGHT, `Firing rate of unit ${unit.id} over the session, at most ${significant(largest)} Hz`, (context, width, height) =>
      histogram(context, width, height, values, {
        tint: session.unitColour(unit), most: `most: ${Number(largest.toPrecision(3))} Hz`,
        gaps: session.data.spikes.gaps_s.map((gap) => gap.map(part)), ticks: [[0, "0"], [0.5, half], [1, whole]],
      }));
  }

  function figures(unit) {
    const gaps = session.data.spikes.gaps_s.length > 0;
    return [
      drawing.figure("narrow", "Autocorrelogram", autocorrelogram(unit)),
      drawing.figure("narrow", "Intervals between spikes", intervals(unit)),
      drawing.figure("narrow", gaps ? "Rate over the session; grey: not observed" : "Rate over the session", rate(unit)),
    ];
  }

  return { figures };
})();
