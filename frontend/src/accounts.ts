// Who may sign in; for administrators.

import { api, got, Refused, tried } from "./api";
import { h, replace } from "./dom";
import type { View } from "./page";

// A longer name does not reach the server's rule: the request as a whole is refused.
const LONGEST = 64;

type Role = "annotator" | "reviewer" | "administrator";

export function accountsView(): View {
  const list = h("div", {});
  const link = h("p", { class: "link", role: "status" });
  const name = h("input", { type: "text", "aria-label": "name", placeholder: "name", required: true });
  const role = h(
    "select",
    { "aria-label": "role" },
    ...["annotator", "reviewer", "administrator"].map((each) => h("option", {}, each)),
  );
  const form = h("form", { class: "choices" }, name, role, h("button", {}, "make an account"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void changed(async () => {
      if (name.value.length > LONGEST) {
        throw new Refused(422, `account: the name is unfit; use up to ${LONGEST} letters, digits, . _ @ -`);
      }
      const body = { name: name.value, role: role.value as Role };
      const made = await got(api.POST("/api/accounts", { body }));
      show(name.value, made.link);
      name.value = "";
    });
  });
  const element = h("section", { class: "accounts", "aria-label": "accounts" },
    h("h2", {}, "Accounts"), form, link, list);
  void tried(load);

  function show(who: string, made: string): void {
    link.textContent = `One-time link for ${who}: ${location.origin}/${made}`;
  }

  function changed(run: () => Promise<void>): Promise<void> {
    return tried(run).then(() => tried(load));
  }

  async function load(): Promise<void> {
    const { accounts } = await got(api.GET("/api/accounts"));
    replace(list, h("table", { "aria-label": "accounts" }, h("tbody", {}, ...accounts.map((each) =>
      h("tr", {},
        h("td", {}, each.name),
        h("td", {}, each.role),
        h("td", {}, each.active ? "" : "closed"),
        h("td", {},
          h("button", { type: "button", onclick: () => void changed(async () => {
            const made = await got(api.POST("/api/accounts/link", { body: { name: each.name } }));
            show(each.name, made.link);
          }) }, "sign-in link"),
          h("button", { type: "button", onclick: () => void changed(async () => {
            const body = { name: each.name, active: !each.active };
            await got(api.POST("/api/accounts/change", { body }));
          }) }, each.active ? "close" : "open again"),
        ),
      )))));
  }

  return { element };
}
