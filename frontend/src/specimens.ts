// One reading for all cells of a specimen; exceptions are taken out by click.

import { api, got, tried, type Specimen } from "./api";
import { announce, h, replace, say } from "./dom";
import { displayPanel, patternButtons, patternOf, reading, titleOf, type Page, type View } from "./page";
import { Picking } from "./picking";

const MOST = 500;

export function specimensView(page: Page): View {
  const picking = new Picking(page);
  const list = h("ul", { class: "list", "aria-label": "specimens" });
  const count = h("p", { class: "facts", role: "status" });
  let since = performance.now();
  let open: Specimen | null = null;
  let asked = 0;
  // So many of its cells are not shown: those that are not read yet come next.
  let more = 0;
  picking.onchange = () => {
    count.textContent = open
      ? `Specimen ${open.specimen}: one key names ${picking.selected.size} of ${picking.ids.length}` +
        (more > 0 ? `; ${more} more of its cells are not shown` : "")
      : "Choose a specimen.";
  };
  const element = h(
    "section",
    { class: "grid", "aria-label": "specimens" },
    h("aside", {}, count, patternButtons(page, name), displayPanel(page, () => picking.redraw()), list),
    picking.element,
  );
  void load();

  function load(): Promise<void> {
    return tried(async () => {
      await page.outbox.flush();
      const { specimens } = await got(api.GET("/api/specimens"));
      if (specimens.length === 0) {
        count.textContent = "The specimens of these cells are not known.";
        return;
      }
      replace(list, ...specimens.map(entry));
      picking.onchange();
    });
  }

  function entry(each: Specimen): HTMLElement {
    const said = Object.entries(each.labels).map(([pattern, n]) => `${n} ${titleOf(page, pattern)}`);
    const text = `${each.specimen}: ${each.n_unread} of ${each.n_cells} unread`;
    const button = h(
      "button",
      { type: "button", onclick: () => void tried(() => choose(each)) },
      text,
      said.length > 0 ? h("small", {}, said.join(", ")) : null,
    );
    return h("li", {}, button);
  }

  /** Shows the cells of a specimen where the eye is: the list may stand far below their first row. */
  async function choose(each: Specimen): Promise<void> {
    await show(each);
    if (open !== each) return;
    const above = picking.element.getBoundingClientRect().top < 0;
    picking.element.scrollIntoView({ block: above ? "start" : "nearest" });
  }

  async function show(each: Specimen): Promise<void> {
    const mine = ++asked;
    open = each;
    // Until its own cells have come, a key names none.
    more = 0;
    picking.fill([]);
    const query = { specimen: each.specimen, n: MOST, order: "unread" };
    const { n, cells } = await got(api.GET("/api/gallery", { params: { query } }));
    if (mine !== asked) return;
    more = n - cells.length;
    picking.fill([
      ["", cells.map(({ cell, label }) => ({ cell, note: titleOf(page, label) }))],
    ]);
    const unread = cells.filter(({ cell }) => !cell.mine).map(({ cell }) => cell.cell_id);
    picking.select(unread, true);
    since = performance.now();
  }

  function name(pattern: string): void {
    const chosen = [...picking.selected];
    if (chosen.length === 0 || !open) {
      say("choose a specimen and select cells first");
      return;
    }
    const seconds = Math.min(86400, (performance.now() - since) / 1000) / chosen.length;
    page.outbox.add(
      picking.cellsOf(chosen).map((cell, i) =>
        reading(cell, pattern, { way: "specimen", seconds, keystrokes: i === 0 ? 1 : 0 }),
      ),
    );
    announce(`${chosen.length} cells of specimen ${open.specimen}: ${titleOf(page, pattern)}.`);
    picking.select(chosen, false);
    const named = open;
    void load().then(() => {
      // Unless another was opened meanwhile.
      if (open === named) void tried(() => show(named));
    });
  }

  return {
    element,
    leave: () => picking.leave(),
    key(event) {
      if (picking.key(event)) return true;
      const pattern = patternOf(page, event);
      if (pattern) name(pattern);
      return pattern !== null;
    },
  };
}
