// One cell at a time.

import { api, giveBack, got, newKey, Refused, tried, type Turn } from "./api";
import { announce, h, percent, replace, say } from "./dom";
import { displayPanel, patternButtons, patternOf, reading, titleOf, type Page, type View } from "./page";
import { draw, fetchAhead, fit } from "./pixels";

const AHEAD = 8;
const NEIGHBOURS = 12;

export function singleView(page: Page): View {
  // What is on the screen, and what comes after it. Only what is on the screen is ever answered.
  let current: Turn | null = null;
  let queue: Turn[] = [];
  // An answer may cross the list of cells on its way: what was answered here is not shown again.
  const answered = new Set<string>(page.outbox.cells);
  let version = 0;
  let said = "";
  let shownAt = 0;
  // Whether the picture of what is on the screen has been drawn: before, it takes no label.
  let seen = false;
  let again = 0;
  let keystrokes = 0;
  let suggested = false;
  let pressed: number | null = null;
  let filling: Promise<void> | null = null;
  let waiting = 0;
  let left = false;
  let undoing: Promise<void> = Promise.resolve();
  let undoKey: string | null = null;

  const canvas = h("canvas", { class: "cell", role: "img", "aria-label": "cell", hidden: true });
  const facts = h("p", { class: "facts" });
  const suggestion = h("p", { class: "suggestion" });
  const neighbours = h("div", { class: "neighbours" });
  const empty = h("p", { class: "empty" });
  const buttons = patternButtons(page, (pattern) => answer("label", pattern));
  const commands = h(
    "div",
    { class: "commands" },
    command("space", "skip", () => answer("skip", null)),
    command("u", "unsure", () => answer("unsure", null)),
    command("z", "undo", () => void tried(undo)),
    command("s", "suggestion", showSuggestion),
    command("n", "neighbours", () => void tried(showNeighbours)),
  );
  const element = h(
    "section",
    { class: "single", "aria-label": "one cell at a time" },
    h("div", { class: "stage" }, canvas, empty),
    h("aside", {}, facts, buttons, commands, suggestion, displayPanel(page, redraw), neighbours),
  );
  void fill();

  function command(key: string, text: string, run: () => void): HTMLElement {
    return h("button", { type: "button", onclick: run }, h("kbd", {}, key), ` ${text}`);
  }

  /** Asks for cells until enough are at hand; what is on the screen stays. */
  function fill(): Promise<void> {
    filling ??= more().finally(() => (filling = null));
    return filling;
  }

  async function more(): Promise<void> {
    window.clearTimeout(waiting);
    try {
      await page.givenBack;
      const n = Math.min(200, 1 + queue.length + page.outbox.size + AHEAD);
      const given = await got(api.POST("/api/turns", { body: { n } }));
      if (left) return;
      if (given.version !== version && queue.length > 0) {
        // What has not been seen is ranked anew, what is on the screen stays.
        await giveBack(queue.splice(0).map((each) => each.cell_id));
        const again = await got(api.POST("/api/turns", { body: { n: AHEAD } }));
        take(again.turns);
      } else take(given.turns);
      version = given.version;
      if (!current && queue.length > 0) show();
      if (!current) {
        replace(empty, given.done ? "The campaign has ended: thank you." : "No cell to read now: waiting.");
        empty.dataset.done = String(given.done);
      }
    } catch (error) {
      if (error instanceof Refused) say(error.message, true);
    }
    if (!left && queue.length < AHEAD / 2) waiting = window.setTimeout(() => void fill(), 700);
  }

  function take(turns: Turn[]): void {
    const known = new Set([current, ...queue].map((each) => each?.cell_id));
    for (const each of turns) {
      if (known.has(each.cell_id) || answered.has(each.cell_id)) continue;
      if (page.outbox.holds(each.cell_id)) continue;
      queue.push(each);
      fetchAhead(each, page.display);
    }
  }

  /** Puts the next cell on the screen. */
  function show(): void {
    current = queue.shift() ?? null;
    const turn = current;
    replace(neighbours);
    suggestion.textContent = "";
    suggested = false;
    keystrokes = 0;
    // Nothing flickers: a picture at hand is drawn before the screen is.
    canvas.hidden = true;
    seen = false;
    shownAt = performance.now();
    replace(empty);
    delete empty.dataset.done;
    if (!turn) {
      delete element.dataset.cell;
      facts.textContent = "";
      void fill().then(() => (current ? undefined : fill()));
      return;
    }
    const was = turn.mine ? ` Your reading was: ${titleOf(page, turn.mine.pattern) || turn.mine.kind}.` : "";
    const place = ["", " An independent reading.", " Readers disagree: your reading settles it."];
    facts.textContent = `Specimen ${turn.specimen ?? "not known"}.${place[turn.place] ?? ""}${was}`;
    announce(`${said} Next cell: ${facts.textContent}`.trim());
    said = "";
    element.dataset.cell = turn.cell_id;
    canvas.setAttribute("aria-label", `cell of specimen ${turn.specimen ?? "not known"}`);
    void picture(turn);
    if (queue.length < AHEAD / 2) void fill();
  }

  /** Draws the cell on the screen; where its picture does not come, it is asked for again. */
  async function picture(turn: Turn): Promise<void> {
    window.clearTimeout(again);
    try {
      await draw(canvas, turn, page.display, page.display.zoom, () => current === turn);
    } catch {
      if (current !== turn || left) return;
      if (!seen) replace(empty, "The picture does not come: it is asked for again.");
      again = window.setTimeout(() => void picture(turn), 2000);
      return;
    }
    if (current !== turn || seen) return;
    seen = true;
    replace(empty);
    canvas.hidden = false;
    shownAt = performance.now();
    if (pressed !== null) performance.measure("next-cell", { start: pressed, end: shownAt });
    pressed = null;
  }

  function redraw(): void {
    if (current) void picture(current);
  }

  function answer(kind: "label" | "skip" | "unsure", pattern: string | null): void {
    const turn = current;
    if (!turn) return;
    // A picture that never comes can be skipped.
    if (!seen && kind !== "skip") {
      say("wait for the picture, or skip");
      return;
    }
    const seconds = Math.min(86400, (performance.now() - shownAt) / 1000);
    const settles = turn.place === 2 && kind !== "skip";
    keystrokes += 1;
    answered.add(turn.cell_id);
    said = `${pattern ? titleOf(page, pattern) : kind}.`;
    page.outbox.add([
      reading(turn, pattern, { kind, shown: suggested, seconds, keystrokes, settles }),
    ]);
    show();
  }

  /** Takes back one label for each press, one after the other. */
  function undo(): Promise<void> {
    undoing = undoing.catch(() => {}).then(takeBack);
    return undoing;
  }

  async function takeBack(): Promise<void> {
    await page.outbox.flush();
    if (page.outbox.size > 0) {
      say("no connection: undo when it is back");
      return;
    }
    // Where no answer comes the same is asked again: it may have been taken back already.
    undoKey ??= newKey();
    const { turn } = await got(api.POST("/api/undo", { body: { key: undoKey } }));
    undoKey = null;
    if (!turn) {
      say("nothing left to undo");
      return;
    }
    answered.delete(turn.cell_id);
    said = "Taken back.";
    const others = current ? [current, ...queue] : queue;
    queue = [turn, ...others.filter((each) => each.cell_id !== turn.cell_id)];
    show();
  }

  function showSuggestion(): void {
    const said = current?.suggestion;
    suggested ||= said !== undefined && said !== null;
    suggestion.textContent = said
      ? `The network (${current?.model}) says ${titleOf(page, said.pattern)}, at ${percent(said.probability)}.`
      : "There is no suggestion yet.";
    announce(suggestion.textContent);
  }

  async function showNeighbours(): Promise<void> {
    const turn = current;
    if (!turn) return;
    if (!turn.specimen) {
      say("the specimen of this cell is not known");
      return;
    }
    const query = { specimen: turn.specimen, n: NEIGHBOURS };
    const found = await got(api.GET("/api/gallery", { params: { query } }));
    if (current !== turn) return;
    const others = found.cells.filter((each) => each.cell.cell_id !== turn.cell_id);
    replace(
      neighbours,
      h("p", {}, `Of the same specimen (${found.n} cells):`),
      ...others.map((each) => {
        const small = h("canvas", { role: "img", "aria-label": "neighbour" });
        fit(small, each.cell, 1);
        void draw(small, each.cell, page.display, 1);
        return small;
      }),
    );
  }

  const closed = () =>
    void giveBack([current, ...queue].flatMap((each) => each?.cell_id ?? [])).catch(() => {});
  window.addEventListener("pagehide", closed);

  return {
    element,
    leave: () => {
      left = true;
      window.clearTimeout(waiting);
      window.clearTimeout(again);
      window.removeEventListener("pagehide", closed);
    },
    key(event) {
      const pattern = patternOf(page, event);
      if (pattern) {
        if (seen) pressed = event.timeStamp;
        answer("label", pattern);
      } else if (event.key === " ") answer("skip", null);
      else if (event.key === "u") answer("unsure", null);
      else if (event.key === "z") void tried(undo);
      else if (event.key === "s") {
        keystrokes += 1;
        showSuggestion();
      } else if (event.key === "n") {
        keystrokes += 1;
        void tried(showNeighbours);
      } else return false;
      return true;
    },
  };
}
