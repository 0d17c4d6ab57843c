// The typed client: every request is checked against the server's own schema when this is built.

import createClient from "openapi-fetch";
import { say } from "./dom";
import type { components, paths } from "./schema";

export type Turn = components["schemas"]["TurnMessage"];
export type Reading = components["schemas"]["ReadingMessage"];
export type NewReading = components["schemas"]["NewReading"];
export type Setup = components["schemas"]["Setup"];
export type Me = components["schemas"]["Me"];
export type Reviewed = components["schemas"]["ReviewedMessage"];
export type Progress = components["schemas"]["ProgressMessage"];
export type Specimen = components["schemas"]["SpecimenSummary"];

export const api = createClient<paths>({ headers: { "x-cellquery": "1" } });

/** Says with every request whom the page is for: another may sign in elsewhere in this browser. */
export function speakFor(me: Me): void {
  api.use({
    onRequest({ request }) {
      request.headers.set("x-cellquery-account", me.name);
      return request;
    },
  });
}

/** An answer that says no. A network that does not answer throws a TypeError instead. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Returns what came, or throws Refused with the server's line. */
export async function got<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (response.ok) return data as T;
  const said = (error as { error?: string } | undefined)?.error;
  throw new Refused(response.status, said ?? `the server answered ${response.status}`);
}

/** Runs what a view asks for and says what went wrong, in a line. */
export async function tried(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Refused || error instanceof TypeError)) throw error;
    say(error instanceof Refused ? error.message : "no connection: try again when it is back");
  }
}

/** Lets others have cells that will not be answered here; also while the page is being closed. */
export async function giveBack(cells: string[]): Promise<void> {
  if (cells.length === 0) return;
  await got(api.POST("/api/turns/back", { body: { cells }, keepalive: true }));
}

export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
