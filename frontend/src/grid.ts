// Many cells at once, grouped by what the network says of them, or by how they look.

import { api, giveBack, got, tried, type Turn } from "./api";
import { announce, h, say } from "./dom";
import { displayPanel, patternButtons, patternOf, reading, titleOf, type Page, type View } from "./page";
import { Picking } from "./picking";

const AT_ONCE = 60;

export function gridView(page: Page): View {
  const picking = new Picking(page);
  let turns: Turn[] = [];
  // Until it is chosen: by the network where it says anything, otherwise by looks.
  let by: "network" | "looks" | null = null;
  // Whose suggestion was on the screen.
  const seen = new Set<string>();
  const count = h("p", { class: "facts", role: "status" });
  const rate = h("p", { class: "facts" });
  let since = performance.now();
  let keystrokes = 0;
  let labelled = 0;
  let spent = 0;
  let pressed = 0;
  let left = false;
  let loading: Promise<void> | null = null;
  picking.onchange = () => {
    count.textContent = `${picking.ids.length} cells, ${picking.selected.size} selected`;
  };
  const choose = h(
    "div",
    { class: "choices", role: "group", "aria-label": "group by" },
    ...(["network", "looks"] as const).map((each) =>
      h("button", { type: "button", "data-by": each, onclick: () => regroup(each) },
        each === "network" ? "by the network" : "by looks"),
    ),
  );
  const confirming = h("button", { type: "button", onclick: confirm },
    h("kbd", {}, "enter"), " confirm the rest");
  const element = h(
    "section",
    { class: "grid", "aria-label": "grid" },
    h(
      "aside",
      {},
      count,
      rate,
      patternButtons(page, (pattern) => name([...picking.selected], () => pattern)),
      choose,
      h(
        "div",
        { class: "commands" },
        confirming,
        h("button", { type: "button", onclick: () => void load() }, h("kbd", {}, "r"), " other cells"),
      ),
      h("p", { class: "hint" },
        "A click or a drag selects, a heading its whole group; by keyboard arrows, x and g."),
      displayPanel(page, () => picking.redraw()),
    ),
    picking.element,
  );
  element.addEventListener("pointerdown", () => (keystrokes += 1));
  void load();

  function load(): Promise<void> {
    loading ??= others().finally(() => (loading = null));
    return loading;
  }

  async function others(): Promise<void> {
    await tried(async () => {
      await page.givenBack;
      await page.outbox.flush();
      const back = picking.ids;
      // They are others' from now on: until the next ones have come, a key names none.
      turns = [];
      picking.fill([]);
      await giveBack(back);
      const given = await got(api.POST("/api/turns", { body: { n: AT_ONCE } }));
      if (left) {
        await giveBack(given.turns.map((each) => each.cell_id));
        return;
      }
      turns = given.turns.filter((each) => !page.outbox.holds(each.cell_id));
      regroup(by);
      since = performance.now();
      keystrokes = 0;
      if (turns.length === 0) say(given.done ? "The campaign has ended: thank you." : "No cell to read now.");
    });
  }

  /** Shows the cells in other groups. */
  function regroup(how: typeof by): void {
    by = how;
    const shown = by ?? (turns.some((each) => each.suggestion) ? "network" : "looks");
    const groups = new Map<string, Turn[]>();
    if (shown === "network") for (const each of page.setup.patterns) groups.set(each.title, []);
    const ordered = [...turns].sort((a, b) => (a.group ?? Infinity) - (b.group ?? Infinity));
    for (const each of shown === "network" ? turns : ordered) {
      const heading = shown === "network" ? said(each) : looks(each);
      groups.set(heading, [...(groups.get(heading) ?? []), each]);
      if (shown === "network") seen.add(each.cell_id);
    }
    picking.fill(
      [...groups].map(([heading, cells]) => [heading, cells.map((cell) => ({ cell, note: "" }))]),
    );
    for (const each of choose.querySelectorAll("button")) {
      each.setAttribute("aria-pressed", String(each.dataset.by === shown));
    }
    confirming.disabled = shown !== "network";
  }

  function said(turn: Turn): string {
    return titleOf(page, turn.suggestion?.pattern) || "No suggestion yet";
  }

  function looks(turn: Turn): string {
    return turn.group === null ? "Not grouped yet" : `Group ${turn.group + 1}`;
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
          shown: seen.has(cell.cell_id),
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
    const gone = new Set(named.map(({ cell }) => cell.cell_id));
    turns = turns.filter((each) => !gone.has(each.cell_id));
    picking.remove(gone);
    announce(`${named.length} cells named. ${picking.ids.length} left.`);
    if (picking.ids.length === 0) void load();
  }

  function confirm(): void {
    if (confirming.disabled) say("group by the network to confirm what it says");
    else if (turns.length > 0 && !turns.some((each) => each.suggestion)) say("no suggestion yet");
    else name([...picking.ids], (cell) => cell.suggestion?.pattern ?? null);
  }

  const closed = () => void giveBack(picking.ids).catch(() => {});
  window.addEventListener("pagehide", closed);

  return {
    element,
    leave: () => {
      left = true;
      picking.leave();
      window.removeEventListener("pagehide", closed);
      page.givenBack = tried(async () => {
        await loading;
        await giveBack(picking.ids);
      });
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
      else if (event.key === "g") regroup(confirming.disabled ? "network" : "looks");
      else return false;
      return true;
    },
  };
}
