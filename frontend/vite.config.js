import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vite";

const out = "../src/cellquery/web/static";

/** What the page was built from, for the check that it is current: see tests/web. */
function digestOfSources() {
  const digest = createHash("sha256");
  const files = [
    "index.html",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
    "vite.config.js",
    ...readdirSync("src").map((name) => join("src", name)),
  ].sort();
  for (const file of files) {
    digest.update(file.replaceAll("\\", "/") + "\0");
    digest.update(readFileSync(file));
  }
  return digest.digest("hex");
}

export default defineConfig({
  base: "/",
  build: { outDir: out, emptyOutDir: true, assetsInlineLimit: 0, modulePreload: false },
  plugins: [
    {
      name: "digest-of-sources",
      closeBundle() {
        writeFileSync(join(out, "sources.sha256"), digestOfSources() + "\n");
      },
    },
  ],
});
