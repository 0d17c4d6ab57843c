// Annotations that the server has not acknowledged yet. They are kept in the browser before the
// next cell is shown, and sent until they are acknowledged; their keys make the server store each
// once, however often it arrives.

import { api, got, newKey, Refused, type NewReading } from "./api";
import { say } from "./dom";

const AT_ONCE = 100;

export class Outbox {
  private waiting: NewReading[] = [];
  private sending: Promise<void> | null = null;
  private offline = false;
  private added = 0;
  // Each reading has a place of its own: other tabs of the same account keep theirs beside.
  private readonly prefix: string;
  onchange: () => void = () => {};

  constructor(project: string, account: string) {
    this.prefix = `cellquery-unsent-${project}-${account}/`;
    for (const place of Object.keys(localStorage).filter((key) => key.startsWith(this.prefix)).sort()) {
      const each = JSON.parse(localStorage.getItem(place) ?? "null") as NewReading | null;
      if (each) this.waiting.push(each);
    }
    window.addEventListener("online", () => void this.flush());
    window.setInterval(() => void this.flush(), 2000);
    void this.flush();
  }

  get size(): number {
    return this.waiting.length;
  }

  get connected(): boolean {
    return !this.offline;
  }

  get cells(): string[] {
    return this.waiting.map((each) => each.cell_id);
  }

  holds(cellId: string): boolean {
    return this.waiting.some((each) => each.cell_id === cellId);
  }

  add(readings: Omit<NewReading, "key">[]): void {
    for (const each of readings) {
      // Keys sort in the order of answering, which a reload keeps.
      const order = String(this.added++).padStart(9, "0");
      const kept = { ...each, key: `${Date.now()}-${order}-${newKey()}` } as NewReading;
      localStorage.setItem(this.prefix + kept.key, JSON.stringify(kept));
      this.waiting.push(kept);
    }
    this.onchange();
    void this.flush();
  }

  /** Resolves when everything is sent, or the server cannot be reached. */
  async flush(): Promise<void> {
    while (this.waiting.length > 0) {
      this.sending ??= this.send(this.waiting.slice(0, AT_ONCE)).finally(() => (this.sending = null));
      await this.sending;
      if (this.offline) return;
    }
  }

  private async send(batch: NewReading[]): Promise<void> {
    try {
      await got(api.POST("/api/annotations", { body: { readings: batch } }));
      this.acknowledged(batch);
    } catch (error) {
      if (error instanceof Refused && [400, 422].includes(error.status)) {
        if (batch.length > 1) {
          // One of them cannot be taken: find it by sending each alone, and set it aside.
          for (const each of batch) {
            await this.send([each]);
            if (this.offline) return;
          }
          return;
        }
        this.acknowledged(batch);
        say(`not stored: ${error.message}`, true);
        return;
      }
      if (error instanceof Refused && error.status === 401) say("signed out: sign in again", true);
      else if (!this.offline) say("no connection: your labels are kept here and sent later", true);
      this.offline = true;
      this.onchange();
    }
  }

  private acknowledged(batch: NewReading[]): void {
    const keys = new Set(batch.map((each) => each.key));
    this.waiting = this.waiting.filter((each) => !keys.has(each.key));
    for (const key of keys) localStorage.removeItem(this.prefix + key);
    if (this.offline) {
      say("", true);
      say("connected again");
    }
    this.offline = false;
    this.onchange();
  }
}
