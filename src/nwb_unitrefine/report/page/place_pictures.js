// A unit where it was recorded: mean waveforms on the nearest channels, and its position among the other units.

const placePictures = (() => {
  const { extent } = elements;
  const { canvas, colour, line, roundNumber, text } = drawing;
  const MARGIN = { top: 20, bottom: 40, left: 10, right: 54 };

  const hasWaveform = (unit) => Boolean(session.data.waveforms) && session.data.waveforms.largest[unit.row] !== null;

  // Columns by position across the probe, lines by depth; without positions four in a row.
  function channelPlaces(channels, { x_um: x, y_um: y }) {
    const present = channels.filter((channel) => channel >= 0);
    const known = x.length > 0 && present.every((channel) => x[channel] !== null && y[channel] !== null);
    if (!known || !present.length) {
      return channels.map((channel, k) => (channel < 0 && k > 0 ? null : { column: k % 4, line: Math.floor(k / 4) }));
    }
    const across = [...new Set(present.map((channel) => x[channel]))].sort((a, b) => a - b);
    const down = [...new Set(present.map((channel) => y[channel]))].sort((a, b) => b - a);
    return channels.map((channel) => (channel < 0 ? null : { column: across.indexOf(x[channel]), line: down.indexOf(y[channel]) }));
  }

  function samplesOf(unit, k) {
    const { shape: [, nChannels, nSamples], rows } = session.data.waveforms;
    const start = (unit.row * nChannels + k) * nSamples;
    return Array.from(rows.subarray(start, start + nSamples), (sample) => sample / 127);
  }

  function waveforms(unit) {
    const about = session.data.waveforms;
    const channels = about.channels[unit.row];
    const places = channelPlaces(channels, about.electrodes);
    const present = places.map((place, k) => ({ place, k })).filter(({ place }) => place).map(({ place, k }) => ({ ...place, k, samples: samplesOf(unit, k) }));
    return canvas(320, `Mean waveforms of unit ${unit.id} on its ${present.length} nearest channels`, (context, width, height) => {
      const columns = 1 + extent(present.map((one) => one.column))[1];
      const lines = 1 + extent(present.map((one) => one.line))[1];
      const wide = Math.min((width - MARGIN.left - MARGIN.right) / columns, 240);
      const room = height - MARGIN.top - MARGIN.bottom;
      // Neighbours may overlap a little, as on a probe; the outer ones must fit.
      const gain = Math.min(lines > 1 ? (1.7 * room) / lines : room / 2, 90);
      const [lowest] = extent(present.filter((one) => one.line === lines - 1).flatMap((one) => one.samples));
      const [, highest] = extent(present.filter((one) => one.line === 0).flatMap((one) => one.samples));
      const first = MARGIN.top + 10 + Math.max(highest, 0) * gain;
      const last = height - MARGIN.bottom + Math.min(lowest, 0) * gain;
      const middle = (place) => (lines > 1 ? first + (place * (last - first)) / (lines - 1) : (first + last) / 2);
      const long = wide - 18;
      for (const { column, line: at, k, samples } of present) {
        const left = MARGIN.left + column * wide;
        context.strokeStyle = session.unitColour(unit);
        context.lineWidth = k === 0 ? 2.2 : 1.2;
        line(context, (i) => left + (i / Math.max(samples.length - 1, 1)) * long, samples.map((sample) => middle(at) - sample * gain));
        if (channels[k] >= 0) text(context, String(about.electrodes.id[channels[k]]), left, middle(at) - 5, "left");
      }
      scaleBars(context, width, height, { gain, long, largest: about.largest[unit.row] });
    });
  }

  function scaleBars(context, width, height, { gain, long, largest }) {
    const { to_microvolts: scale, duration_ms: duration } = session.data.waveforms;
    const [x, y] = [width - MARGIN.right + 8, height - 20];
    context.strokeStyle = colour("--ink");
    context.lineWidth = 1.5;
    context.beginPath();
    if (scale) {
      const bar = roundNumber((largest * scale) / 2);
      const tall = (bar / (largest * scale)) * gain;
      context.moveTo(x, y - tall);
      context.lineTo(x, y);
      text(context, `${bar} µV`, x + 4, y - tall / 2 + 4, "left");
    }
    if (duration) {
      const bar = roundNumber(duration / 3);
      const wide = (bar / duration) * long;
      context.moveTo(x, y);
      context.lineTo(x - wide, y);
      text(context, `${bar} ms`, x - wide / 2, y + 14);
    }
    context.stroke();
  }

  const isPlaced = (unit) => unit.depth !== null && unit.x !== null;

  function probe(unit) {
    const placed = session.units.filter(isPlaced);
    const [low, high] = extent(placed.map((one) => one.depth));
    const [left, right] = extent(placed.map((one) => one.x));
    return canvas(320, `Position of unit ${unit.id} among ${placed.length} units on the probe`, (context, width, height) => {
      const at = (one) => [
        66 + ((one.x - left) / (right - left || 1)) * (width - 90),
        height - 34 - ((one.depth - low) / (high - low || 1)) * (height - 54),
      ];
      for (const one of placed) {
        const [x, y] = at(one);
        context.globalAlpha = one === unit ? 1 : 0.6;
        context.fillStyle = session.unitColour(one);
        context.beginPath();
        context.arc(x, y, one === unit ? 5 : 2.5, 0, 7);
        context.fill();
      }
      context.globalAlpha = 1;
      if (isPlaced(unit)) {
        const [x, y] = at(unit);
        context.strokeStyle = colour("--ink");
        context.lineWidth = 1.5;
        context.beginPath();
        context.arc(x, y, 8, 0, 7);
        context.stroke();
      }
      text(context, `${high.toFixed(0)} µm`, 4, 18, "left");
      if (high > low) text(context, `${low.toFixed(0)} µm`, 4, height - 30, "left");
      text(context, `across: ${left.toFixed(0)}${right > left ? ` to ${right.toFixed(0)}` : ""} µm`, width - 8, height - 6, "right");
    });
  }

  function figures(unit) {
    const placed = session.units.some(isPlaced);
    if (!hasWaveform(unit)) {
      const why = session.data.waveforms ? "The file has no mean waveform of this unit." : "The file has no mean waveforms.";
      return [drawing.figure(placed ? "wide" : "full", why, ""), ...(placed ? [drawing.figure("narrow", "Position on the probe", probe(unit))] : [])];
    }
    const by = session.data.waveforms.electrodes.id.length ? "by electrode id" : "on the largest channels";
    const made = [drawing.figure(placed ? "wide" : "full", `Mean waveforms ${by}; bold: main channel`, waveforms(unit))];
    if (placed) made.push(drawing.figure("narrow", "Position; ring: this unit", probe(unit)));
    return made;
  }

  return { figures, hasWaveform, samplesOf, channelPlaces };
})();
