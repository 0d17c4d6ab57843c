// Review of what is worth a second look, and galleries of any query: both show cells with all that
// was said of them, and change any of it.

import { api, got, tried, type Reading, type Reviewed } from "./api";
import { announce, h, percent, replace, say } from "./dom";
import { displayPanel, patternButtons, patternOf, reading, titleOf, type Page, type View } from "./page";
import { Picking } from "./picking";

const WORTH = {
  mine: "my last hundred",
  disputed: "readers disagree",
  declined: "nobody could name",
  errors: "likely errors",
} as const;
type Worth = keyof typeof WORTH;
const PAGE = 60;

export function reviewView(page: Page): View {
  let worth: Worth = "mine";
  const choose = h(
    "div",
    { class: "choices", role: "group", "aria-label": "what to review" },
    ...(Object.keys(WORTH) as Worth[]).map((each) =>
      h("button", { type: "button", onclick: () => show(each), "data-worth": each }, WORTH[each]),
    ),
  );
  function show(which: Worth): void {
    worth = which;
    void shown.load();
  }
  const note = h("p", { class: "facts", role: "status" });
  const shown = browser(page, h("div", {}, choose, note), async () => {
    const query = { worth };
    const found = await got(api.GET("/api/review", { params: { query } }));
    return () => {
      for (const each of choose.querySelectorAll("button")) {
        each.setAttribute("aria-pressed", String(each.dataset.worth === worth));
      }
      note.textContent = found.note || (found.n === 0 ? "Nothing here." : "");
      return found.cells;
    };
  });
  return shown.view;
}

export function galleryView(page: Page): View {
  let offset = 0;
  const names = page.setup.patterns.map((each) => each.name);
  const label = choice("label", names);
  const predicted = choice("network says", names);
  const specimen = h("input", { type: "text", "aria-label": "specimen", placeholder: "specimen" });
  const annotator = h("input", { type: "text", "aria-label": "annotator", placeholder: "annotator" });
  const order = choice("order", ["certain", "uncertain"]);
  const count = h("p", { class: "facts" });
  const again = () => {
    offset = 0;
    void shown.load();
  };
  for (const each of [label, predicted, specimen, annotator, order]) each.addEventListener("change", again);
  const turn = (step: number) => {
    offset = Math.max(0, offset + step);
    void shown.load();
  };
  const head = h(
    "div",
    { class: "choices" },
    ...[label, predicted, specimen, annotator, order],
    h("button", { type: "button", onclick: () => turn(-PAGE) }, "back"),
    h("button", { type: "button", onclick: () => turn(PAGE) }, "on"),
    count,
  );

  function choice(text: string, values: string[]): HTMLSelectElement {
    return h(
      "select",
      { "aria-label": text },
      h("option", { value: "" }, `${text}: any`),
      ...values.map((each) => h("option", { value: each }, `${text}: ${titleOf(page, each)}`)),
    );
  }

  const shown = browser(page, head, async () => {
    const query = {
      n: PAGE,
      offset,
      ...(label.value && { pattern: label.value }),
      ...(predicted.value && { predicted: predicted.value }),
      ...(specimen.value && { specimen: specimen.value }),
      ...(annotator.value && { annotator: annotator.value }),
      ...(order.value && { order: order.value }),
    };
    const found = await got(api.GET("/api/gallery", { params: { query } }));
    return () => {
      const last = Math.min(found.n, offset + found.cells.length);
      count.textContent = found.n ? `${offset + 1} to ${last} of ${found.n}` : "no cell";
      return found.cells;
    };
  });
  return shown.view;
}

/** `find` asks for cells; what it returns tells of them in `head`, where they are shown. */
function browser(
  page: Page,
  head: HTMLElement,
  find: () => Promise<() => Reviewed[]>,
): { view: View; load: () => Promise<void> } {
  const picking = new Picking(page);
  let asked = 0;
  const details = h("div", { class: "details", "aria-live": "polite" });
  const reviewer = page.me.role !== "annotator";
  const element = h(
    "section",
    { class: "grid", "aria-label": "cells and what was said of them" },
    h(
      "aside",
      {},
      head,
      h("p", { class: "hint" }, reviewer
        ? "Select cells; a key decides their pattern, over all readings."
        : "Select cells; a key changes your own reading."),
      patternButtons(page, name),
      details,
      displayPanel(page, () => picking.redraw()),
    ),
    picking.element,
  );
  picking.onchange = () => {
    const [only] = picking.selected;
    if (picking.selected.size === 1 && only !== undefined) void tried(() => tell(only));
    else replace(details, `${picking.selected.size} selected`);
  };
  void load();

  async function load(): Promise<void> {
    const mine = ++asked;
    await tried(async () => {
      await page.outbox.flush();
      const cells = await find();
      // Others have been asked for since.
      if (mine !== asked) return;
      const selected = [...picking.selected];
      picking.fill([["", cells().map((each) => ({ cell: each.cell, note: note(each) }))]]);
      picking.select(selected.filter((id) => picking.cell(id)), true);
    });
  }

  function note(each: Reviewed): string {
    if (each.reason) return each.reason;
    if (each.standing === "disputed") {
      return each.readings.map((r) => titleOf(page, r.pattern) || r.kind).join(" or ");
    }
    return titleOf(page, each.label) || (each.standing === "unread" ? "" : each.standing);
  }

  async function tell(cellId: string): Promise<void> {
    const query = { cell: cellId };
    const { cell, history } = await got(api.GET("/api/cell", { params: { query } }));
    if (picking.selected.size !== 1 || !picking.selected.has(cellId)) return;
    const said = cell.cell.suggestion;
    replace(
      details,
      h("h2", {}, `Cell ${cellId}`),
      h("p", {}, `Specimen ${cell.cell.specimen ?? "not known"}, ${cell.cell.bit_depth} bits. ${cell.standing}.`),
      said ? h("p", {}, `Network: ${titleOf(page, said.pattern)}, ${percent(said.probability)}.`) : null,
      h("ol", { class: "history" }, ...history.map((each) => h("li", {}, line(each)))),
    );
  }

  function line(each: Reading): string {
    const what = titleOf(page, each.pattern) || each.kind;
    const seen = each.shown ? ", suggestion seen" : "";
    const decided = each.settles ? ", decides" : "";
    return `${each.at.replace("T", " ")} ${each.annotator}: ${what} (${each.way}${seen}${decided})`;
  }

  function name(pattern: string): void {
    const chosen = [...picking.selected];
    if (chosen.length === 0) {
      say("select cells first");
      return;
    }
    page.outbox.add(
      picking
        .cellsOf(chosen)
        .map((cell) => reading(cell, pattern, { way: "review", settles: reviewer, shown: true })),
    );
    announce(`${chosen.length} cells: ${titleOf(page, pattern)}.`);
    picking.select(chosen, false);
    void load();
  }

  const view: View = {
    element,
    leave: () => picking.leave(),
    key(event) {
      if (picking.key(event)) return true;
      const pattern = patternOf(page, event);
      if (pattern) name(pattern);
      return pattern !== null;
    },
  };
  return { view, load };
}
