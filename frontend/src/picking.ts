// Many small cells of which some are selected: by click or touch, by shift and click, by dragging,
// by their group's heading, by keys.

import { tried, type Turn } from "./api";
import { h } from "./dom";
import type { Page } from "./page";
import { draw, fit } from "./pixels";

const SMALL = 1.2;

export class Picking {
  readonly element = h("div", { class: "tiles" });
  readonly selected = new Set<string>();
  private tiles = new Map<string, HTMLElement>();
  private cells = new Map<string, Turn>();
  private order: string[] = [];
  private last: string | null = null;
  private dragging: boolean | null = null;
  private touched: string | null = null;
  private readonly release = () => {
    this.dragging = null;
    this.touched = null;
  };
  private readonly scrolled = () => {
    // The finger began to scroll: it did not mean to select.
    if (this.touched !== null) this.select([this.touched], !this.selected.has(this.touched));
    this.release();
  };
  onchange: () => void = () => {};

  constructor(private readonly page: Page) {
    window.addEventListener("pointerup", this.release);
    window.addEventListener("pointercancel", this.scrolled);
  }

  leave(): void {
    window.removeEventListener("pointerup", this.release);
    window.removeEventListener("pointercancel", this.scrolled);
  }

  /** Shows cells, in groups under headings. */
  fill(groups: [string, { cell: Turn; note: string }[]][]): void {
    this.tiles.clear();
    this.cells.clear();
    this.selected.clear();
    this.order = [];
    this.element.replaceChildren();
    for (const [heading, members] of groups) {
      if (members.length === 0) continue;
      const group = h("div", {
        class: "group", role: "listbox", "aria-multiselectable": "true", "aria-label": heading || "cells",
      });
      if (heading) {
        const all = () => {
          const ids = members.map(({ cell }) => cell.cell_id).filter((id) => this.cells.has(id));
          this.select(ids, !ids.every((id) => this.selected.has(id)));
        };
        this.element.append(h("h2", {}, h("button", { type: "button", onclick: all }, heading)));
      }
      for (const { cell, note } of members) group.append(this.tile(cell, note));
      this.element.append(group);
    }
    this.reach();
    this.onchange();
  }

  get ids(): string[] {
    return this.order;
  }

  cell(cellId: string): Turn | undefined {
    return this.cells.get(cellId);
  }

  cellsOf(ids: Iterable<string>): Turn[] {
    return [...ids].flatMap((id) => this.cells.get(id) ?? []);
  }

  remove(ids: Iterable<string>): void {
    for (const each of ids) {
      const tile = this.tiles.get(each);
      const group = tile?.parentElement;
      tile?.remove();
      if (group?.childElementCount === 0) {
        group.previousElementSibling?.remove();
        group.remove();
      }
      this.tiles.delete(each);
      this.cells.delete(each);
      this.selected.delete(each);
      this.order = this.order.filter((other) => other !== each);
    }
    this.reach();
    this.onchange();
  }

  /** Makes one cell the one that the tab key reaches; arrows reach the others. */
  private reach(id: string | undefined = this.order[0]): void {
    for (const [each, tile] of this.tiles) tile.tabIndex = each === id ? 0 : -1;
  }

  select(ids: Iterable<string>, chosen: boolean): void {
    for (const each of ids) {
      if (chosen) this.selected.add(each);
      else this.selected.delete(each);
      const tile = this.tiles.get(each);
      tile?.setAttribute("aria-selected", String(chosen));
    }
    this.onchange();
  }

  redraw(): void {
    for (const [id, tile] of this.tiles) {
      const cell = this.cells.get(id);
      const canvas = tile.querySelector("canvas");
      if (cell && canvas) void draw(canvas, cell, this.page.display, SMALL);
    }
  }

  /** Arrow keys move between cells, x selects, ctrl+a selects all. */
  key(event: KeyboardEvent): boolean {
    if (event.key === "a" && event.ctrlKey) {
      this.select(this.order, true);
      return true;
    }
    const here = this.order.indexOf(document.activeElement?.getAttribute("data-cell") ?? "");
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.perRow(), ArrowUp: -this.perRow() };
    if (event.key in step) {
      const to = here < 0 ? 0 : here + step[event.key as keyof typeof step];
      const id = this.order[Math.min(this.order.length - 1, Math.max(0, to))];
      if (id !== undefined) this.tiles.get(id)?.focus();
      return true;
    }
    const id = this.order[here];
    if (event.key === "x" && id !== undefined) {
      this.select([id], !this.selected.has(id));
      return true;
    }
    return false;
  }

  private perRow(): number {
    const [first] = this.tiles.values();
    if (!first?.parentElement) return 1;
    const top = first.offsetTop;
    return Math.max(1, [...first.parentElement.children].filter(
      (each) => (each as HTMLElement).offsetTop === top,
    ).length);
  }

  private tile(cell: Turn, note: string): HTMLElement {
    const canvas = h("canvas", {});
    fit(canvas, cell, SMALL);
    const tile = h(
      "div",
      {
        class: "tile",
        role: "option",
        tabindex: -1,
        "aria-selected": "false",
        "aria-label": `cell of specimen ${cell.specimen ?? "not known"}. ${note}`,
        "data-cell": cell.cell_id,
      },
      canvas,
      note ? h("span", { class: "note" }, note) : null,
    );
    const id = cell.cell_id;
    tile.addEventListener("focus", () => this.reach(id));
    tile.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      // A finger is captured by what it touches first: the cells it moves to are to hear of it.
      const at = event.target as Element;
      if (at.hasPointerCapture(event.pointerId)) at.releasePointerCapture(event.pointerId);
      if (event.pointerType === "touch") this.touched = id;
      tile.focus();
      if (event.shiftKey && this.last !== null) {
        const [from, to] = [this.order.indexOf(this.last), this.order.indexOf(id)].sort((a, b) => a - b);
        this.select(this.order.slice(from, (to ?? 0) + 1), true);
      } else {
        this.dragging = !this.selected.has(id);
        this.select([id], this.dragging);
      }
      this.last = id;
    });
    tile.addEventListener("pointerenter", () => {
      if (this.dragging !== null) this.select([id], this.dragging);
      if (this.touched !== id) this.touched = null;
    });
    this.tiles.set(id, tile);
    this.cells.set(id, cell);
    this.order.push(id);
    void tried(() => draw(canvas, cell, this.page.display, SMALL));
    return tile;
  }
}
