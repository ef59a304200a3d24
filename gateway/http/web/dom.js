// SPDX-License-Identifier: Apache-2.0
// Elements in one expression. Text is always text: nothing here parses HTML.

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

// What stands between backticks is code.
export function marked(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part)).filter(Boolean);
}

// A name that may be broken into lines where its parts meet.
export function breakable(name) {
  return name.split(/(?<=[_/.-])/).flatMap((part, i) => (i ? [h("wbr"), part] : [part]));
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const nameOf = (e) => e.getAttribute("aria-label") || e.textContent;

// The button or link within the element that has the name of another one, which may be gone.
export const namesake = (element, other) => [...element.querySelectorAll("button, a")].find((e) => nameOf(e) === nameOf(other));

// Shows other children; who was on a button or link with the keyboard stays on the one of that name, or on the first.
export function replace(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...children);
  if (focused) (namesake(element, focused) ?? element.querySelector("button, a"))?.focus({ preventScroll: true });
}

// Touching the document is what costs: only when something differs.
export function setText(element, text) {
  if (element.firstChild?.data !== text) element.textContent = text;
}

export function setClass(element, name) {
  if (element.className !== name) element.className = name;
}
