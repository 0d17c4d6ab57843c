// Elements made by code: text is never parsed as HTML.

type Child = Node | string | null | undefined | false;
type Properties = Record<string, string | number | boolean | EventListener | undefined>;

/** Returns an element; properties that begin with "on" are listeners, the others attributes. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Returns an element of a drawing. */
export function svg(tag: string, attributes: Record<string, string | number>, ...children: Child[]) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  append(element, children);
  return element;
}

export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  append(element, children);
}

function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

const heard = h("div", { class: "heard", role: "log", "aria-label": "what happens" });

/** Tells a screen reader what the eye sees anyway. */
export function announce(text: string): void {
  if (!heard.isConnected) document.body.append(heard);
  replace(heard, h("p", {}, text));
}

const live = h("div", { class: "message", role: "status", "aria-live": "polite" });
let hiding = 0;
let lasting = "";

/**
 * Says something to the eye and to a screen reader: for a while, or until another text that lasts,
 * or the empty one, takes its place.
 */
export function say(text: string, lasts = false): void {
  if (!live.isConnected) document.body.append(live);
  live.textContent = text;
  window.clearTimeout(hiding);
  if (lasts) lasting = text;
  else hiding = window.setTimeout(() => (live.textContent = lasting), 6000);
}

export function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
