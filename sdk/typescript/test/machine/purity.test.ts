/** The machine, like every pure layer, reads no clock, draws no chance and opens nothing. */

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const FOLDER = new URL("../../src/machine/", import.meta.url);
const FILES = readdirSync(FOLDER);

/** What is of the world outside, and not of the language. */
const OUTSIDE =
  /\b(Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|requestAnimationFrame|fetch|WebSocket|XMLHttpRequest|crypto|console|process|navigator|window|document|self|globalThis|localStorage|indexedDB|async|await|Promise)\b|Math\.random/;

/** The code of a file, without its comments. */
function codeOf(name: string): string {
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/.*$/gm, "");
}

/** The names of the modules that a file imports. */
function importsOf(name: string): string[] {
  return [...codeOf(name).matchAll(/\bfrom "([^"]+)"/g)].flatMap(([, from]) => from ?? []);
}

test.each(FILES)("nothing of the world outside is in %s", (name) => {
  expect(codeOf(name)).not.toMatch(OUTSIDE);
});

test.each(FILES)("%s imports only its like, the errors and the frames", (name) => {
  for (const from of importsOf(name)) {
    expect(from).toMatch(
      /^\.\/[a-z-]+\.js$|^\.\.\/errors\.js$|^\.\.\/generated\/(codes|frames)\.js$/,
    );
  }
});

test.each([
  "const now = Date.now();",
  "Math.random()",
  "setTimeout(f, 5)",
  'console.log("x")',
  "new WebSocket(url)",
])("this would be found: %s", (code) => {
  expect(code).toMatch(OUTSIDE);
});

test("all of the machine is looked at", () => {
  expect(FILES.length).toBeGreaterThan(15);
  expect(FILES.flatMap(importsOf).length).toBeGreaterThan(20);
});
