import { readdirSync, readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** Where a server runs that `vite` passes WebSockets on to, while one works on the page. */
const server = process.env["CAUSERIE"] ?? "http://localhost:8080";

/** Sentences that the page asks for by keys which are put together from what happened. */
const MADE_UP = /^(?:error|close|web-wire)-/u;

/** Leaves out of the catalogues what only the clients for the terminal say. */
function pageSentences(): Plugin {
  const folder = new URL("src/", import.meta.url);
  const source = readdirSync(folder, { recursive: true })
    .filter((name) => String(name).endsWith(".ts"))
    .map((name) => readFileSync(new URL(String(name), folder), "utf8"))
    .join("\n");
  return {
    name: "page-sentences",
    enforce: "pre",
    transform(code, id) {
      if (!/\/catalogue\/[a-z]{2}\.json$/u.test(id)) {
        return undefined;
      }
      const asked = Object.entries(JSON.parse(code)).filter(
        ([key]) => MADE_UP.test(key) || source.includes(`"${key}"`),
      );
      return { code: JSON.stringify(Object.fromEntries(asked)), map: null };
    },
  };
}

/** Leaves out of the styles in the elements what only their readers need: comments, most blanks. */
function tightStyles(): Plugin {
  return {
    name: "tight-styles",
    enforce: "pre",
    transform(code, id) {
      if (!/\/web\/src\/.*\.ts$/u.test(id)) {
        return undefined;
      }
      const tight = code.replace(/\bcss`[^`]*`/gu, (style) =>
        style
          .replace(/\/\*.*?\*\//gsu, "")
          .replace(/\s*\n\s*/gu, "\n")
          .replace(/(?<=[{};,])\n|\n(?=\})| (?=\{)|(?<=:) /gu, ""),
      );
      return { code: tight, map: null };
    },
  };
}

export default defineConfig({
  plugins: [pageSentences(), tightStyles()],
  build: {
    target: "es2022",
    // The page may run no script but those that the server sends.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  server: { proxy: { "/ws": { target: server, ws: true } } },
});
