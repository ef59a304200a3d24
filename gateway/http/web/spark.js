// SPDX-License-Identifier: Apache-2.0
// A line of the last hour, small enough to stand in a table. Decoration: the number beside it is what is read.
import { svg } from "./dom.js";

const WIDTH = 96;
const HEIGHT = 24;
const PAD = 2.5;

export function createSpark() {
  const element = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true" });
  element.append(svg("path", { fill: "none" }), svg("circle", { r: 2 }));
  return element;
}

// A flat line stands in the middle; one that hardly moves is not blown up to noise.
function range(points) {
  let low = Infinity;
  let high = -Infinity;
  for (const [, value] of points) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const least = Math.max(Math.abs(low), Math.abs(high)) * 0.002 || 1e-9;
  const middle = (low + high) / 2;
  const half = Math.max(high - low, least) / 2;
  return [middle - half, middle + half];
}

export function drawSpark(element, points) {
  const [path, dot] = element.children;
  element.toggleAttribute("data-empty", points.length < 2);
  if (points.length < 2) return;
  const [low, high] = range(points);
  const start = points[0][0];
  const scaleX = (WIDTH - 2 * PAD) / (points[points.length - 1][0] - start || 1);
  const scaleY = (HEIGHT - 2 * PAD) / (high - low);
  let line = "";
  let x = 0;
  let y = 0;
  for (const [time, value] of points) {
    x = PAD + (time - start) * scaleX;
    y = HEIGHT - PAD - (value - low) * scaleY;
    line += `${line ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }
  path.setAttribute("d", line);
  dot.setAttribute("cx", x.toFixed(1));
  dot.setAttribute("cy", y.toFixed(1));
}
