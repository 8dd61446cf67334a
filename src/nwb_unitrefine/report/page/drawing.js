// Canvases that are painted again when the window, the colours or the medium change.

const drawing = (() => {
  const { element } = elements;
  const AXIS = { left: 8, right: 8, top: 16, bottom: 18 };
  let drawn = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function canvas(height, description, draw) {
    const made = element("canvas", { role: "img", "aria-label": description });
    made.style.height = `${height}px`;
    made.paint = () => {
      const width = made.clientWidth;
      if (!width) return;
      const scale = window.devicePixelRatio || 1;
      made.width = Math.round(width * scale);
      made.height = Math.round(height * scale);
      const context = made.getContext("2d");
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.font = "11px system-ui, sans-serif";
      draw(context, width, height);
    };
    drawn.push(made);
    return made;
  }

  function repaint() {
    drawn = drawn.filter((one) => one.isConnected);
    drawn.forEach((one) => one.paint());
  }

  function figure(kind, caption, picture, ...more) {
    return element("figure", { class: kind }, element("figcaption", {}, caption), picture, ...more);
  }

  function text(context, words, x, y, align = "center") {
    context.fillStyle = colour("--soft");
    context.textAlign = align;
    context.fillText(words, x, y);
  }

  // Bars of values from 0 to 1. `band` is shaded between dashed lines, `gaps` are shaded; both are parts of the width.
  function histogram(context, width, height, values, { tint, ticks, most, note = "", band = null, gaps = [] }) {
    const inner = { width: width - AXIS.left - AXIS.right, height: height - AXIS.top - AXIS.bottom };
    const base = height - AXIS.bottom;
    const at = (part) => AXIS.left + part * inner.width;
    context.fillStyle = colour("--band");
    for (const [start, stop] of band ? [band, ...gaps] : gaps) {
      context.fillRect(at(start), AXIS.top, Math.max(1, (stop - start) * inner.width), inner.height);
    }
    context.fillStyle = tint;
    const step = inner.width / values.length;
    values.forEach((value, i) => {
      const tall = value * inner.height;
      context.fillRect(AXIS.left + i * step, base - tall, Math.max(step - (step > 3 ? 1 : 0), 0.7), tall);
    });
    context.strokeStyle = colour("--soft");
    context.lineWidth = 1;
    if (band) {
      context.setLineDash([3, 3]);
      context.beginPath();
      for (const edge of band.filter((part) => part > 0)) {
        context.moveTo(at(edge), AXIS.top);
        context.lineTo(at(edge), base);
      }
      context.stroke();
      context.setLineDash([]);
    }
    context.beginPath();
    context.moveTo(AXIS.left, base + 0.5);
    context.lineTo(width - AXIS.right, base + 0.5);
    context.stroke();
    ticks.forEach(([part, words]) => text(context, words, at(part), height - 4, part === 0 ? "left" : part === 1 ? "right" : "center"));
    text(context, most, width - AXIS.right, 11, "right");
    const fits = context.measureText(note).width + context.measureText(most).width + AXIS.left + AXIS.right + 8 < width;
    if (fits) text(context, note, AXIS.left, 11, "left");
  }

  function line(context, xs, ys) {
    context.beginPath();
    ys.forEach((y, i) => context.lineTo(xs(i), y));
    context.stroke();
  }

  // The largest of 1, 2 and 5 times a power of ten that is no larger than a value: for scale bars.
  function roundNumber(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return Number(([5, 2, 1].map((step) => step * power).find((step) => step <= value) || power).toPrecision(1));
  }

  return { colour, canvas, repaint, figure, text, histogram, line, roundNumber };
})();
