/** Elements from values: texts go in as text, never as markup. */

const SPRITE = new URL("../../icons/sprite.svg", import.meta.url).pathname;
const SVG = "http://www.w3.org/2000/svg";

/** `element("a", {class: "button", href, onclick}, "text", child, …)`; empty children are left out. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/** What somebody wrote, in whatever script: it has its own direction and stands where the page's texts stand. */
export const written = (name, attributes, text) => element(name, { ...attributes, dir: "auto" }, text);

/** `written` parts in a row, each in its own direction: a phone number or a foreign name does not turn its neighbours. */
export const inARow = (parts) => parts.filter(Boolean).flatMap((part, index) => [index ? " · " : "", element("bdi", {}, part)]);

export const byId = (id) => document.getElementById(id);

/** Changes a text only when it differs, so that screen readers and selections are left in peace. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
