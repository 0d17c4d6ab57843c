// Many cells at once, grouped by what the network says of them.

import { api, got, tried, type Turn } from "./api";
import { h, say } from "./dom";
import { displayPanel, patternButtons, patternOf, reading, titleOf, type Page, type View } from "./page";
import { Picking } from "./picking";

const AT_ONCE = 60;

export function gridView(page: Page): View {
  const picking = new Picking(page);
  const count = h("p", { class: "facts", role: "status" });
  const rate = h("p", { class: "facts" });
  let since = performance.now();
  let keystrokes = 0;
  let labelled = 0;
  let spent = 0;
  let pressed = 0;
  let left = false;
  picking.onchange = () => {
    count.textContent = `${picking.ids.length} cells, ${picking.selected.size} selected`;
  };
  const element = h(
    "section",
    { class: "grid", "aria-label": "grid" },
    h(
      "aside",
      {},
      count,
      rate,
      patternButtons(page, (pattern) => name([...picking.selected], () => pattern)),
      h(
        "div",
        { class: "commands" },
        h("button", { type: "button", onclick: confirm }, h("kbd", {}, "enter"), " confirm the rest"),
        h("button", { type: "button", onclick: () => void load() }, h("kbd", {}, "r"), " other cells"),
      ),
      h("p", { class: "hint" }, "Click, drag or shift and click selects; arrows and x by keyboard."),
      displayPanel(page, () => picking.redraw()),
    ),
    picking.element,
  );
  element.addEventListener("pointerdown", () => (keystrokes += 1));
  void load();

  async function load(): Promise<void> {
    await tried(async () => {
      await page.outbox.flush();
      if (picking.ids.length > 0) {
        await got(api.POST("/api/turns/back", { body: { cells: picking.ids } }));
      }
      const { turns, done } = await got(api.POST("/api/turns", { body: { n: AT_ONCE } }));
      if (left) return;
      const fresh = turns.filter((each) => !page.outbox.holds(each.cell_id));
      const groups = new Map<string, Turn[]>(page.setup.patterns.map((each) => [each.name, []]));
      for (const each of fresh) {
        const said = each.suggestion?.pattern ?? "";
        groups.set(said, [...(groups.get(said) ?? []), each]);
      }
      picking.fill(
        [...groups].map(([name, cells]) => [
          name ? titleOf(page, name) : "No suggestion yet",
          cells.map((cell) => ({ cell, note: "" })),
        ]),
      );
      since = performance.now();
      keystrokes = 0;
      if (fresh.length === 0) say(done ? "The campaign has ended: thank you." : "No cell to read now.");
    });
  }

  /** Names cells and takes them off the page. */
  function name(ids: string[], pattern: (cell: Turn) => string | null): void {
    const named = ids.flatMap((id) => {
      const cell = picking.cell(id);
      const said = cell ? pattern(cell) : null;
      return cell && said ? [{ cell, said }] : [];
    });
    if (named.length === 0) {
      say("select cells first");
      return;
    }
    keystrokes += 1;
    const seconds = Math.min(86400, (performance.now() - since) / 1000);
    pressed += keystrokes;
    spent += seconds;
    labelled += named.length;
    page.outbox.add(
      named.map(({ cell, said }, i) =>
        reading(cell, said, {
          way: "grid",
          shown: true,
          seconds: seconds / named.length,
          keystrokes: i === 0 ? keystrokes : 0,
          settles: cell.place === 2,
        }),
      ),
    );
    rate.textContent =
      `${(spent / labelled).toFixed(1)} s and ${(pressed / labelled).toFixed(2)} keys or clicks a label`;
    since = performance.now();
    keystrokes = 0;
    picking.remove(named.map(({ cell }) => cell.cell_id));
    if (picking.ids.length === 0) void load();
  }

  function confirm(): void {
    name([...picking.ids], (cell) => cell.suggestion?.pattern ?? null);
  }

  return {
    element,
    leave: () => {
      left = true;
      picking.leave();
      if (picking.ids.length > 0) {
        void tried(() => got(api.POST("/api/turns/back", { body: { cells: picking.ids } })));
      }
    },
    key(event) {
      if (picking.key(event)) {
        keystrokes += 1;
        return true;
      }
      const pattern = patternOf(page, event);
      if (pattern) name([...picking.selected], () => pattern);
      else if (event.key === "Enter") confirm();
      else if (event.key === "r") void load();
      else return false;
      return true;
    },
  };
}
