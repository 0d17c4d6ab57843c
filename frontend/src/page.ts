// What all views share.

import type { Me, NewReading, Setup, Turn } from "./api";
import { h } from "./dom";
import type { Outbox } from "./outbox";
import { forgetDisplay, keepDisplay, keptDisplay, type Display } from "./pixels";

export interface Page {
  me: Me;
  setup: Setup;
  outbox: Outbox;
  display: Display;
  /** Waited for before cells are asked for: otherwise the same ones could be taken, then given back. */
  givenBack: Promise<void>;
}

export interface View {
  element: HTMLElement;
  /** Handles a key; returns whether it did. */
  key?: (event: KeyboardEvent) => boolean;
  leave?: () => void;
}

export function titleOf(page: Page, name: string | null | undefined): string {
  return page.setup.patterns.find((each) => each.name === name)?.title ?? name ?? "";
}

/** Returns the pattern whose key was pressed. */
export function patternOf(page: Page, event: KeyboardEvent): string | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  return page.setup.patterns.find((each) => each.key === event.key)?.name ?? null;
}

/** Returns a row of buttons, one a pattern, each with its key. */
export function patternButtons(page: Page, chosen: (pattern: string) => void): HTMLElement {
  return h(
    "div",
    { class: "patterns", role: "group", "aria-label": "patterns" },
    ...page.setup.patterns.map((each) =>
      h(
        "button",
        {
          type: "button",
          "data-pattern": each.name,
          "aria-label": `${each.title}, ${each.icap || "no ICAP code"}, key ${each.key}`,
          onclick: () => chosen(each.name),
        },
        h("kbd", {}, each.key),
        h("span", { class: "title" }, each.title),
        h("span", { class: "icap" }, each.icap),
      ),
    ),
  );
}

export function reading(
  cell: Turn,
  pattern: string | null,
  more: Partial<NewReading>,
): Omit<NewReading, "key"> {
  return {
    cell_id: cell.cell_id,
    // As they came with the cell: a newer network may say something else by now.
    model: cell.model,
    suggestion: cell.suggestion?.pattern ?? null,
    kind: "label",
    pattern,
    way: "single",
    shown: false,
    seconds: 0,
    keystrokes: 1,
    settles: false,
    ...more,
  };
}

/** Returns the panel of display settings. */
export function displayPanel(page: Page, changed: () => void): HTMLElement {
  const display = page.display;
  const update = () => {
    keepDisplay(display);
    changed();
  };
  const slider = (
    name: "brightness" | "contrast" | "gamma" | "zoom",
    min: number,
    max: number,
    step: number,
  ) => {
    const input = h("input", { type: "range", min, max, step, value: display[name], id: `d-${name}` });
    input.addEventListener("input", () => {
      display[name] = Number(input.value);
      update();
    });
    return h("label", { for: `d-${name}` }, name, input);
  };
  const box = (name: "stretch" | "outline", text: string) => {
    const input = h("input", { type: "checkbox", checked: display[name] });
    input.addEventListener("change", () => {
      display[name] = input.checked;
      update();
    });
    return h("label", { class: "box" }, input, text);
  };
  const colours = h(
    "select",
    { "aria-label": "colours" },
    ...["grey", "green", "inverted"].map((each) =>
      h("option", { value: each, selected: each === display.colours }, each),
    ),
  );
  colours.addEventListener("change", () => {
    display.colours = colours.value as Display["colours"];
    update();
  });
  const reset = h("button", { type: "button" }, "reset");
  reset.addEventListener("click", () => {
    forgetDisplay();
    Object.assign(display, keptDisplay());
    panel.replaceWith(displayPanel(page, changed));
    changed();
  });
  const panel = h(
    "details",
    { class: "display" },
    h("summary", {}, "Display"),
    slider("brightness", -0.5, 0.5, 0.02),
    slider("contrast", 0.2, 4, 0.05),
    slider("gamma", 0.3, 3, 0.05),
    slider("zoom", 1, 12, 0.5),
    h("label", {}, "colours", colours),
    box("stretch", "stretch to the cell's own range"),
    box("outline", "outline of the nucleus"),
    reset,
  );
  return panel;
}
