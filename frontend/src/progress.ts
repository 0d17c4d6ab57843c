// How far it is: budget, labels per pattern, accuracy with interval, the curve so far, times.

import { api, got, type Progress } from "./api";
import { h, percent, replace, svg } from "./dom";
import { titleOf, type Page, type View } from "./page";

interface Estimate {
  accuracy: number;
  low: number;
  high: number;
}

export function progressView(page: Page): View {
  const element = h("section", { class: "progress", "aria-label": "progress" });
  const state = h("div", {});
  // Made once: what is replaced under the pointer loses a click, and the focus.
  const files = [
    h("h2", {}, "Labels as a file"),
    h("p", { class: "choices" },
      ...(["csv", "parquet", "label-studio"] as const).map((form) =>
        h("a", { href: `/api/labels/${form}`, download: true }, form)),
    ),
    ...(page.me.role === "annotator" ? [] : [
      h("h2", {}, "Record of the campaign"),
      h("p", { class: "choices" },
        h("a", { href: "/api/record", download: true }, "record.html"),
        h("span", { class: "facts" }, "It is made when you ask, in some seconds.")),
    ]),
  ];
  const timer = window.setInterval(() => void load(), 3000);
  void load();

  async function load(): Promise<void> {
    try {
      show(await got(api.GET("/api/progress")));
    } catch {
      // Asked again in three seconds.
    }
  }

  function show(at: Progress): void {
    const budget = at.budget;
    const estimate = at.estimate as Estimate | null;
    replace(
      state,
      h("div", { class: "cards" },
        card("Labelled", `${at.n_labelled} of ${budget}`, `${at.n_pool} cells in the pool`,
          h("progress", { max: budget, value: at.n_labelled, "aria-label": "budget used" })),
        card("How good is it now?", estimate ? percent(estimate.accuracy) : "not known",
          estimate
            ? `${percent(estimate.low)} to ${percent(estimate.high)}: 95 % interval, from audit cells`
            : at.rounds.length === 0
              ? "told after the first round, where audit_cells are set"
              : "set audit_cells to draw a random sample that tells"),
        card("Network", at.model || "none yet", trainer(at)),
        card("When to stop", at.stop, ""),
      ),
      h("h2", {}, "Labels per pattern"),
      bars(at),
      h("h2", {}, "Curve so far"),
      curve(at),
      h("h2", {}, "Annotators"),
      table(
        ["name", "readings", "seconds a label (median)", "keys a label"],
        at.annotators.map((each) => [
          each.name, String(each.n_readings), each.seconds_per_label?.toFixed(1) ?? "",
          each.keystrokes_per_label?.toFixed(2) ?? "",
        ]),
      ),
      h("h2", {}, "Rounds"),
      table(
        ["round", "labels", "agreement with the round before", "estimate", "seconds", "notes"],
        at.rounds.map((each) => {
          const of = each.estimate as Estimate | null;
          return [
            String(each.round), String(each.n_labels), each.kappa?.toFixed(3) ?? "",
            of ? `${percent(of.accuracy)} (${percent(of.low)} to ${percent(of.high)})` : "",
            each.seconds.toFixed(1), each.notes.join("; "),
          ];
        }),
      ),
    );
    if (!state.parentElement) element.append(state, ...files);
  }

  function trainer(at: Progress): string {
    const said = at.trainer as { state: string; task?: string; done?: number; total?: number; error?: string };
    if (said.state === "failed") return `training stopped: ${said.error ?? ""}`;
    if (said.state === "working" && said.total) return `${said.task}: ${said.done} of ${said.total}`;
    const words: Record<string, string> = {
      waiting: "waits for labels", done: at.ended ? `ended: ${at.ended}` : "done",
      preparing: "prepares the cells", absent: "no training runs",
    };
    return words[said.state] ?? said.state;
  }

  function bars(at: Progress): HTMLElement {
    const most = Math.max(1, ...Object.values(at.labels_per_pattern));
    return h("div", { class: "bars", role: "img", "aria-label": "labels per pattern" },
      ...Object.entries(at.labels_per_pattern).map(([name, n]) => {
        const bar = h("span", { class: "bar" });
        bar.style.width = `${(60 * n) / most}%`;
        return h("div", {}, h("span", { class: "name" }, titleOf(page, name)), bar, String(n));
      }));
  }

  return { element, leave: () => window.clearInterval(timer) };
}

function card(title: string, main: string, more: string, extra?: HTMLElement): HTMLElement {
  return h("div", { class: "card" }, h("h2", {}, title), h("p", { class: "main" }, main),
    h("p", { class: "facts" }, more), extra ?? null);
}

function table(head: string[], rows: string[][]): HTMLElement {
  return h("table", {},
    h("thead", {}, h("tr", {}, ...head.map((each) => h("th", {}, each)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((each) => h("td", {}, each))))));
}

/** Draws agreement and estimate against labels. */
function curve(at: Progress): HTMLElement {
  const rounds = at.rounds.filter((each) => each.kappa !== null || each.estimate);
  if (rounds.length === 0) return h("p", { class: "facts" }, "It begins with the second round.");
  const [width, height, left, bottom] = [560, 200, 44, 28];
  const most = Math.max(...rounds.map((each) => each.n_labels), at.budget);
  const x = (n: number) => left + ((width - left - 10) * n) / most;
  const y = (value: number) => (height - bottom) - (height - bottom - 10) * Math.max(0, value);
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, class: "curve", role: "img",
    "aria-label": "estimate and agreement against labels",
  });
  for (const value of [0, 0.25, 0.5, 0.75, 1]) {
    drawing.append(
      svg("line", { x1: left, x2: width - 10, y1: y(value), y2: y(value), class: "rule" }),
      svg("text", { x: left - 6, y: y(value) + 4, class: "tick", "text-anchor": "end" }, String(value)),
    );
  }
  const lines: [string, (each: (typeof rounds)[number]) => number | null | undefined][] = [
    ["kappa", (each) => each.kappa],
    ["estimate", (each) => (each.estimate as Estimate | null)?.accuracy],
  ];
  for (const [name, value] of lines) {
    const points = rounds.flatMap((each) => {
      const v = value(each);
      return v === null || v === undefined ? [] : [[x(each.n_labels), y(v)] as const];
    });
    drawing.append(svg("polyline", { points: points.map((p) => p.join(",")).join(" "), class: name }));
    for (const [px, py] of points) drawing.append(svg("circle", { cx: px, cy: py, r: 3, class: name }));
  }
  drawing.append(
    svg("text", { x: width - 10, y: height - 8, class: "tick", "text-anchor": "end" }, `${most} labels`),
    svg("text", { x: left, y: height - 8, class: "tick kappa" }, "agreement of rounds"),
    svg("text", { x: left + 150, y: height - 8, class: "tick estimate" }, "estimated accuracy"),
  );
  const box = h("div", {});
  box.append(drawing);
  return box;
}
