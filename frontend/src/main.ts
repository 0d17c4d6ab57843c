// Signing in, the frame around the views, and the keys.

import { accountsView } from "./accounts";
import { api, got, Refused, speakFor, tried, type Me } from "./api";
import { galleryView, reviewView } from "./browse";
import { h, replace, say } from "./dom";
import { gridView } from "./grid";
import { Outbox } from "./outbox";
import type { Page, View } from "./page";
import { keptDisplay, picturesOf } from "./pixels";
import { progressView } from "./progress";
import { singleView } from "./single";
import { specimensView } from "./specimens";
import "./page.css";

const root = document.getElementById("page") as HTMLElement;

void begin();

async function begin(): Promise<void> {
  let wrong = "";
  const link = /^#sign-in=([\w-]+)$/.exec(location.hash)?.[1];
  if (link) {
    // Out of the address bar and of the history.
    history.replaceState(null, "", "/");
    try {
      await frame(await got(api.POST("/api/sign-in-link", { body: { token: link } })));
      return;
    } catch (error) {
      wrong = error instanceof Refused ? error.message : "no connection";
    }
  }
  try {
    await frame(await got(api.GET("/api/me")));
    if (wrong) say(wrong);
  } catch (error) {
    if (!(error instanceof Refused)) wrong = "no connection";
    if (wrong) say(wrong, true);
    signIn();
  }
}

function signIn(): void {
  const name = h("input", { id: "name", autocomplete: "username", required: true });
  const password = h("input", {
    id: "password", type: "password", autocomplete: "current-password", required: true,
  });
  const form = h("form", { class: "sign-in" },
    h("h1", {}, "cellquery"),
    h("label", { for: "name" }, "Name"), name,
    h("label", { for: "password" }, "Password"), password,
    h("button", {}, "Sign in"),
    h("p", { class: "facts" }, "For Research Use Only. Not for use in diagnostic procedures."));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { name: name.value, password: password.value };
    got(api.POST("/api/sign-in", { body })).then(
      (me) => {
        say("", true);
        return frame(me);
      },
      (error: Error) => say(error.message, true),
    );
  });
  replace(root, h("main", {}, form));
  name.focus();
}

async function frame(me: Me): Promise<void> {
  speakFor(me);
  const setup = await got(api.GET("/api/setup"));
  picturesOf(setup.identity);
  const outbox = new Outbox(setup.identity, me.name);
  const page: Page = { me, setup, outbox, display: keptDisplay(), givenBack: Promise.resolve() };
  const views: Record<string, [string, () => View]> = {
    label: ["Label", () => singleView(page)],
    grid: ["Grid", () => gridView(page)],
    specimens: ["Specimens", () => specimensView(page)],
    review: ["Review", () => reviewView(page)],
    gallery: ["Gallery", () => galleryView(page)],
    progress: ["Progress", () => progressView(page)],
    ...(me.role === "administrator" && { accounts: ["Accounts", () => accountsView()] as [string, () => View] }),
  };
  let view: View | null = null;
  const main = h("main", { tabindex: -1 });
  const sent = h("span", { class: "sent", role: "status" });
  page.outbox.onchange = () => {
    const n = page.outbox.size;
    sent.textContent = n === 0 ? "all stored" : `${n} not stored yet`;
    sent.dataset.unsent = String(n);
    sent.dataset.connected = String(page.outbox.connected);
  };
  page.outbox.onchange();
  const tabs = h("nav", { "aria-label": "views" },
    ...Object.entries(views).map(([name, [title]]) => h("a", { href: `#${name}` }, title)));
  const help = keys(page);
  replace(root,
    h("header", {},
      h("h1", {}, setup.synthetic ? `${setup.project} (synthetic cells)` : setup.project), tabs, sent,
      h("button", { type: "button", onclick: () => help.showModal() }, "? keys"),
      h("button", { type: "button", onclick: () => void signOut() }, `sign out ${me.name}`)),
    main,
    h("footer", {}, setup.notice),
    help);

  function show(): void {
    const name = location.hash.slice(1) in views ? location.hash.slice(1) : "label";
    view?.leave?.();
    view = (views[name] as [string, () => View])[1]();
    replace(main, view.element);
    for (const each of tabs.querySelectorAll("a")) {
      if (each.hash === `#${name}`) each.setAttribute("aria-current", "page");
      else each.removeAttribute("aria-current");
    }
  }

  async function signOut(): Promise<void> {
    await page.outbox.flush();
    if (page.outbox.size > 0) {
      say("some labels are not stored yet: wait for the connection", true);
      return;
    }
    await tried(async () => {
      await got(api.POST("/api/sign-out"));
      location.assign("/");
    });
  }

  window.addEventListener("hashchange", () => {
    show();
    main.focus({ preventScroll: true });
  });
  window.addEventListener("keydown", (event) => {
    const at = event.target as HTMLElement;
    if (help.open || isForField(at, event)) return;
    if (event.key === "?") {
      help.showModal();
      event.preventDefault();
      return;
    }
    // A key that is held down names one cell: the next ones have not been looked at.
    if (event.repeat && !event.key.startsWith("Arrow")) {
      event.preventDefault();
      return;
    }
    // Enter and space press the button that has the focus, and enter follows a link. The button in
    // the key table keeps the focus for a moment after the table has closed.
    if (!help.contains(at) && at.closest("button, summary") && (event.key === "Enter" || event.key === " ")) return;
    if (at.closest("a") && event.key === "Enter") return;
    if (event.key.length === 1 && (event.metaKey || event.altKey)) return;
    if (view?.key?.(event)) event.preventDefault();
  });
  // After a click keys mean cells again, not the button that was clicked.
  root.addEventListener("click", (event) => {
    if (event.detail > 0) (event.target as HTMLElement).closest("button")?.blur();
  });
  // Brought back whole by the browser's "back": its cells were given back and may be with others.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  window.addEventListener("beforeunload", (event) => {
    if (page.outbox.size > 0) event.preventDefault();
  });
  show();
}

/** Returns whether a key is for the field that has the focus. */
function isForField(at: HTMLElement, event: KeyboardEvent): boolean {
  if (!(at instanceof HTMLInputElement)) return ["SELECT", "TEXTAREA"].includes(at.tagName);
  if (at.type === "range") return /^(Arrow|Page|Home|End)/.test(event.key);
  return at.type === "checkbox" ? event.key === " " : true;
}

function keys(page: Page): HTMLDialogElement {
  const rows: [string, string][] = [
    ...page.setup.patterns.map(
      (each) => [each.key, `${each.title} ${each.icap}`] as [string, string],
    ),
    ["space", "skip: not mine to name"],
    ["u", "unsure: cannot be named"],
    ["z", "undo, as often as you like"],
    ["s", "show the network's suggestion"],
    ["n", "neighbours of the same specimen"],
    ["arrows, x, ctrl+a", "grid: move, select, select all"],
    ["enter", "grid: confirm the rest as suggested"],
    ["r", "grid: other cells"],
    ["g", "grid: group by the network or by looks"],
    ["?", "this table"],
  ];
  const close = h("button", { type: "button", onclick: () => dialog.close() }, "close");
  const dialog = h("dialog", { "aria-label": "keys" },
    h("h2", {}, "Keys"),
    h("table", {}, h("tbody", {}, ...rows.map(([key, text]) =>
      h("tr", {}, h("td", {}, h("kbd", {}, key)), h("td", {}, text))))),
    close);
  return dialog;
}
