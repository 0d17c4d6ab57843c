// Annotations that the server has not acknowledged yet. They are kept in the browser before the
// next cell is shown, and sent until they are acknowledged; their keys make the server store each
// once, however often it arrives.

import { api, got, newKey, Refused, type NewReading } from "./api";
import { say } from "./dom";

const AT_ONCE = 100;

export class Outbox {
  private waiting: NewReading[] = [];
  // Where each is kept: one place a reading, since other tabs of the same account keep theirs beside.
  private readonly places = new Map<string, string>();
  private sending: Promise<void> | null = null;
  private offline = false;
  private added = 0;
  private readonly prefix: string;
  onchange: () => void = () => {};

  constructor(project: string, account: string) {
    this.prefix = `cellquery-unsent-${project}-${account}/`;
    for (const place of Object.keys(localStorage).filter((key) => key.startsWith(this.prefix)).sort()) {
      const each = JSON.parse(localStorage.getItem(place) ?? "null") as NewReading | null;
      if (!each) continue;
      this.waiting.push(each);
      this.places.set(each.key, place);
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
    for (const each of readings.map((each) => ({ ...each, key: newKey() }) as NewReading)) {
      // In the order of answering, through a reload too.
      const order = String(this.added++).padStart(9, "0");
      const place = `${this.prefix}${Date.now()}-${order}-${each.key}`;
      localStorage.setItem(place, JSON.stringify(each));
      this.places.set(each.key, place);
      this.waiting.push(each);
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
    for (const key of keys) {
      localStorage.removeItem(this.places.get(key) ?? "");
      this.places.delete(key);
    }
    if (this.offline) {
      say("", true);
      say("connected again");
    }
    this.offline = false;
    this.onchange();
  }
}
