// SPDX-License-Identifier: Apache-2.0
// One sensor over time, drawn by dygraphs: the average as a line, lowest to highest as a band, limits as lines, alerts
// as shaded spans. Drag to move, wheel or pinch to zoom; the same with the keyboard. It knows nothing of the gateway.

const SHORTEST = 10e3; // ms
const LONGEST = 10 * 366 * 86400e3;

let library = null;

// 131 kB that only this view needs.
function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/web/dygraph.min.js";
    script.onload = () => {
      const { Dygraph } = window;
      // Its legend measures itself with a style attribute, which our policy forbids; we have a line of our own.
      Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);
      resolve(Dygraph);
    };
    script.onerror = () => {
      library = null;
      reject(new Error("the chart could not be loaded"));
    };
    document.head.append(script);
  });
  return library;
}

const pad = (n) => String(n).padStart(2, "0");

// 24 hours, the date at midnight, no more than the step between two labels asks for.
function axisLabel(date, granularity, _options, dygraph) {
  const [from, to] = dygraph.xAxisRange();
  const midnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  if (to - from > 300 * 86400e3) return date.toLocaleDateString(undefined, { month: "short", year: date.getMonth() === 0 ? "numeric" : undefined });
  if (midnight || to - from > 8 * 86400e3) return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  const minutes = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return date.getSeconds() ? `${minutes}:${pad(date.getSeconds())}` : minutes;
}

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export async function createChart(element, { onWindow, onPoint, format }) {
  const Dygraph = await loadLibrary();
  let rows = [[new Date(0), [null, null, null]]];
  let range = [Date.now() - 3600e3, Date.now()]; // ms
  let limits = []; // {value, severity, text}
  let spans = []; // {from, to, severity}
  let frame = 0;

  /* --- what lies below the line --- */

  function drawSpans(context, area, dygraph) {
    for (const span of spans) {
      const left = Math.max(dygraph.toDomXCoord(span.from), area.x);
      const right = Math.min(dygraph.toDomXCoord(span.to), area.x + area.w);
      if (right < area.x || left > area.x + area.w) continue;
      context.fillStyle = style(span.severity);
      context.globalAlpha = 0.13;
      context.fillRect(left, area.y, Math.max(right - left, 1.5), area.h);
      context.globalAlpha = 0.8;
      context.fillRect(left, area.y, Math.max(right - left, 1.5), 2);
    }
    context.globalAlpha = 1;
  }

  function drawLimits(context, area, dygraph) {
    for (const limit of limits) {
      const y = Math.round(dygraph.toDomYCoord(limit.value)) + 0.5;
      if (y < area.y || y > area.y + area.h) continue;
      context.strokeStyle = style(limit.severity);
      context.lineWidth = 1;
      context.setLineDash([5, 4]);
      context.beginPath();
      context.moveTo(area.x, y);
      context.lineTo(area.x + area.w, y);
      context.stroke();
      context.setLineDash([]);
    }
  }

  // Above all else, with a rim in the colour of the ground; above its line, or below it where there is no room.
  function drawNames(context, area, dygraph) {
    const taken = [area.y - 3];
    context.save();
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    context.lineJoin = "round";
    for (const limit of [...limits].sort((a, b) => b.value - a.value)) {
      const y = Math.round(dygraph.toDomYCoord(limit.value));
      if (y < area.y || y > area.y + area.h) continue;
      const place = [y - 4, y + 12].find((at) => taken.every((other) => Math.abs(other - at) > 12) && at < area.y + area.h);
      if (place == null) continue;
      taken.push(place);
      context.strokeStyle = style("panel");
      context.lineWidth = 4;
      context.strokeText(limit.text, area.x + area.w - 6, place);
      context.fillStyle = style(limit.severity);
      context.fillText(limit.text, area.x + area.w - 6, place);
    }
    context.restore();
  }

  function underlay(context, area, dygraph) {
    drawSpans(context, area, dygraph);
    drawLimits(context, area, dygraph);
  }

  /* --- ranges --- */

  // What is seen, with a margin; limits that are near enough to matter are seen too.
  function valueRange() {
    let low = Infinity;
    let high = -Infinity;
    for (const [date, [least, , most]] of rows) {
      const ms = +date;
      if (least == null || ms < range[0] || ms > range[1]) continue;
      low = Math.min(low, least);
      high = Math.max(high, most);
    }
    if (low > high) return [0, 1];
    const span = high - low || Math.abs(high) * 0.01 || 1;
    for (const { value } of limits) {
      if (value > high && value - high < 0.75 * span) high = value;
      if (value < low && low - value < 0.75 * span) low = value;
    }
    const margin = (high - low || span) * 0.08;
    return [low - margin, high + margin];
  }

  function options() {
    return {
      file: rows,
      dateWindow: range,
      valueRange: valueRange(),
      colors: [style("line")],
      gridLineColor: style("grid"),
      axisLineColor: style("rule"),
    };
  }

  function redraw() {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      dygraph.updateOptions(options());
    });
  }

  function setRange(from, to, byHand) {
    const span = Math.min(Math.max(to - from, SHORTEST), LONGEST);
    const middle = (from + to) / 2;
    range = [middle - span / 2, middle + span / 2];
    redraw();
    if (byHand) onWindow(range);
  }

  // share: where in the window the point lies that stays in place, 0 left to 1 right
  function zoom(factor, share = 0.5) {
    const span = range[1] - range[0];
    const at = range[0] + share * span;
    setRange(at - share * span * factor, at + (1 - share) * span * factor, true);
  }

  const dygraph = new Dygraph(element, rows, {
    labels: ["time", "value"],
    customBars: true,
    fillAlpha: 0.16,
    strokeWidth: 1.6,
    highlightCircleSize: 3.5,
    interactionModel: {},
    axisLabelFontSize: 12,
    gridLineWidth: 1,
    rightGap: 10,
    drawGapEdgePoints: true,
    axes: {
      x: { axisLabelFormatter: axisLabel, pixelsPerLabel: element.clientWidth < 500 ? 54 : 76, axisLabelWidth: 72 },
      y: { axisLabelFormatter: (value) => format(value), axisLabelWidth: 58, pixelsPerLabel: 44 },
    },
    underlayCallback: underlay,
    plugins: [{ activate: () => ({ didDrawChart: ({ dygraph: d, drawingContext }) => drawNames(drawingContext, d.getArea(), d) }) }],
    highlightCallback: (_event, x, points) => onPoint(points.length ? [x, rows[points[0].idx]?.[1]] : null),
    unhighlightCallback: () => onPoint(null),
    ...options(),
  });

  /* --- by hand --- */

  const pointers = new Map(); // id → x in the element
  const areaOf = () => dygraph.getArea();
  const shareAt = (x) => (x - areaOf().x) / areaOf().w;

  function spread() {
    const [a, b] = [...pointers.values()];
    return [Math.abs(a - b), (a + b) / 2];
  }

  function xOf(event) {
    return event.clientX - element.getBoundingClientRect().left;
  }

  element.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || pointers.size === 2) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, xOf(event));
  });
  element.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = pointers.size === 2 ? spread() : null;
    const moved = xOf(event) - pointers.get(event.pointerId);
    pointers.set(event.pointerId, xOf(event));
    if (before) {
      const [distance, middle] = spread();
      if (distance > 10) zoom(before[0] / distance, shareAt(middle));
    } else if (moved) {
      const by = (moved / areaOf().w) * (range[1] - range[0]);
      setRange(range[0] - by, range[1] - by, true);
    }
  });
  for (const kind of ["pointerup", "pointercancel"]) element.addEventListener(kind, (event) => pointers.delete(event.pointerId));
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const by = ((sideways ? event.deltaX : 0) / areaOf().w) * (range[1] - range[0]);
    if (sideways) setRange(range[0] + by, range[1] + by, true);
    else zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 250))), shareAt(xOf(event)));
  }, { passive: false });
  element.addEventListener("keydown", (event) => {
    const quarter = (range[1] - range[0]) / 4;
    const does = {
      ArrowLeft: () => setRange(range[0] - quarter, range[1] - quarter, true),
      ArrowRight: () => setRange(range[0] + quarter, range[1] + quarter, true),
      "+": () => zoom(0.5),
      "=": () => zoom(0.5),
      "-": () => zoom(2),
    }[event.key];
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    does();
  });

  const resized = new ResizeObserver(() => element.clientWidth && dygraph.resize());
  resized.observe(element);

  return {
    setData(list) {
      rows = list.length ? list : [[new Date(range[0]), [null, null, null]]];
      redraw();
    },
    setMarks(newLimits, newSpans) {
      limits = newLimits;
      spans = newSpans;
      redraw();
    },
    setRange: (from, to) => setRange(from, to, false),
    zoom,
    redraw,
    width: () => areaOf().w,
    visible: () => rows.filter(([date, bars]) => bars[1] != null && +date >= range[0] && +date <= range[1]).map(([, bars]) => bars),
    close() {
      cancelAnimationFrame(frame);
      resized.disconnect();
      dygraph.destroy();
    },
  };
}
