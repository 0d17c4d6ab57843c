// Raw counts of cells, fetched once, and drawn with the display settings. 16-bit counts stay
// 16-bit counts until they are drawn.

import { Refused, type Turn } from "./api";

export interface Display {
  brightness: number;
  contrast: number;
  gamma: number;
  colours: "grey" | "green" | "inverted";
  stretch: boolean;
  outline: boolean;
  zoom: number;
}

export const DEFAULTS: Display = {
  brightness: 0,
  contrast: 1,
  gamma: 1,
  colours: "grey",
  stretch: true,
  outline: false,
  zoom: 6,
};

const PLACE = "cellquery-display";

export function keptDisplay(): Display {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(PLACE) ?? "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}

export function keepDisplay(display: Display): void {
  localStorage.setItem(PLACE, JSON.stringify(display));
}

export function forgetDisplay(): void {
  localStorage.removeItem(PLACE);
}

type Counts = Uint8Array | Uint16Array;
type Shown = Pick<Turn, "cell_id" | "width" | "height" | "channels" | "bit_depth" | "mask">;

const KEPT = 600;
let project = "";

/** Says which project's pictures are shown: the browser keeps them, and another has cells of the same ids. */
export function picturesOf(identity: string): void {
  project = identity;
}

const counts = new Map<string, Promise<Counts>>();
const masks = new Map<string, Promise<Uint8Array>>();

function countsOf(cell: Shown): Promise<Counts> {
  return remembered(counts, cell.cell_id, async () => {
    const bytes = await fetched("pixels", cell.cell_id);
    return cell.bit_depth > 8 ? new Uint16Array(bytes) : new Uint8Array(bytes);
  });
}

function maskOf(cell: Shown): Promise<Uint8Array> {
  return remembered(masks, cell.cell_id, async () => new Uint8Array(await fetched("mask", cell.cell_id)));
}

/** Fetches what a cell is drawn from: asked for early, it is there when the cell is shown. */
export function fetchAhead(cell: Shown, display: Display): void {
  void countsOf(cell).catch(() => {});
  if (display.outline && cell.mask) void maskOf(cell).catch(() => {});
}

function remembered<T>(
  kept: Map<string, Promise<T>>,
  key: string,
  make: () => Promise<T>,
): Promise<T> {
  const known = kept.get(key);
  if (known) return known;
  const made = make();
  made.catch(() => kept.delete(key));
  kept.set(key, made);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value as string);
  return made;
}

async function fetched(what: string, cellId: string): Promise<ArrayBuffer> {
  const response = await fetch(`/api/${what}?of=${project}&cell=${encodeURIComponent(cellId)}`);
  if (!response.ok) throw new Refused(response.status, `no ${what} of this cell`);
  return response.arrayBuffer();
}

/** Gives a canvas the size of a cell, before its counts have come: nothing then jumps. */
export function fit(canvas: HTMLCanvasElement, cell: Shown, zoom: number): void {
  canvas.width = cell.width;
  canvas.height = cell.height;
  canvas.style.width = `${Math.round(cell.width * zoom)}px`;
  canvas.style.height = `${Math.round(cell.height * zoom)}px`;
}

/** Draws a cell on a canvas, `zoom` screen pixels to a pixel. */
export async function draw(
  canvas: HTMLCanvasElement,
  cell: Shown,
  display: Display,
  zoom: number,
  isWanted: () => boolean = () => true,
): Promise<void> {
  const values = await countsOf(cell);
  const inside = display.outline && cell.mask ? await maskOf(cell) : null;
  if (!isWanted()) return;
  fit(canvas, cell, zoom);
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(cell.width, cell.height);
  const levels = lookup(values, cell, display);
  const n = cell.channels;
  for (let i = 0; i < cell.width * cell.height; i++) {
    const place = 4 * i;
    if (n === 3) {
      for (let c = 0; c < 3; c++) image.data[place + c] = levels[values[3 * i + c] ?? 0] ?? 0;
    } else {
      const level = levels[values[i] ?? 0] ?? 0;
      const green = display.colours === "green";
      image.data[place] = green ? 0 : level;
      image.data[place + 1] = level;
      image.data[place + 2] = green ? 0 : level;
    }
    image.data[place + 3] = 255;
  }
  if (inside) outline(image, inside, cell.width, cell.height);
  context.putImageData(image, 0, 0);
}

/** Returns the screen level of every count. */
function lookup(values: Counts, cell: Shown, display: Display): Uint8ClampedArray {
  const most = cell.bit_depth > 8 ? 65535 : 255;
  let low = 0;
  let high = most;
  if (display.stretch) {
    low = most;
    high = 0;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (high <= low) high = low + 1;
  }
  const levels = new Uint8ClampedArray(most + 1);
  for (let value = 0; value <= most; value++) {
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    const bright = (share - 0.5) * display.contrast + 0.5 + display.brightness;
    const level = 255 * Math.pow(Math.min(1, Math.max(0, bright)), 1 / display.gamma);
    levels[value] = display.colours === "inverted" ? 255 - level : level;
  }
  return levels;
}

function outline(image: ImageData, inside: Uint8Array, width: number, height: number): void {
  const at = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && inside[y * width + x] === 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!at(x, y) || (at(x - 1, y) && at(x + 1, y) && at(x, y - 1) && at(x, y + 1))) continue;
      image.data.set([255, 160, 0, 255], 4 * (y * width + x));
    }
  }
}
